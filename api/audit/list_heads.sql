-- api/audit/list_heads.sql: how far each chain of the audit log has come, ascending. A row per chain: chain, number, hash.
SELECT id, number, hash FROM audit_chains ORDER BY id;
