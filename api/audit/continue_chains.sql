-- api/audit/continue_chains.sql: gives each chain that has none a row of this month (0012_audit_chain.sql). One row: how many.
SELECT continue_audit_chains();
