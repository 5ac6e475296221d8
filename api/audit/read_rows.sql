-- api/audit/read_rows.sql: the rows of the audit log, chain by chain, in order.
-- The columns from the fifth on are those of the type audit_entry, which the digest covers.
-- $1 and $2 timestamptz: from then on, and before then; null: all.
SELECT chain_id, number, digest, hash,
       id, at, restaurant_id, actor_role, actor_id, session_id, address, action, subject_id, trace_id, old_value, new_value
  FROM audit_logs
 WHERE at >= coalesce($1::timestamptz, '-infinity') AND at < coalesce($2::timestamptz, 'infinity')
 ORDER BY chain_id, number;
