-- api/background/make_audit_partitions.sql: this month's and the next two months' partitions of audit_logs. One row: how many
-- were new, and whether there are rows outside of all months' partitions.
SELECT make_audit_partitions(2), pg_relation_size('audit_logs_default') > 0;
