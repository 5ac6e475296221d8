-- api/health/ask_database.sql: whether the database answers and is one of ours. One row, one column.
SELECT count(*) FROM (SELECT 1 FROM schema_migrations LIMIT 1) AS migrated;
