-- api/background/make_audit_partitions.sql: this month's and the next two months' partitions of audit_logs. One row: how many were new.
SELECT make_audit_partitions(2);
