-- api/db/record_migration.sql: notes a migration as applied. $1 integer: version; $2 text: name; $3 text: SHA-256 in hex.
INSERT INTO schema_migrations (version, name, checksum) VALUES ($1::integer, $2, $3);
