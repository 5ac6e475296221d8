-- api/db/find_migrations.sql: what was applied to this database, oldest first.
SELECT version, name, checksum FROM schema_migrations ORDER BY version;
