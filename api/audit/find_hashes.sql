-- api/audit/find_hashes.sql: whether rows of chains have the hashes that they should have.
-- $1 integer[]: chains; $2 bigint[]: numbers; $3 text[]: hashes in hex. A row per chain for which there is no such row: chain, number.
SELECT signed.chain_id, signed.number
  FROM unnest($1::integer[], $2::bigint[], $3::text[]) AS signed (chain_id, number, hash)
 WHERE NOT EXISTS (SELECT FROM audit_logs log
                    WHERE log.chain_id = signed.chain_id AND log.number = signed.number
                      AND log.hash = decode(signed.hash, 'hex'));
