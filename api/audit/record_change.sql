-- api/audit/record_change.sql: puts on record what the running transaction does.
-- $1 text: action; $2 uuid: restaurant, or null; $3 uuid: subject; $4 and $5 bytea: old and new value, encrypted, or null.
SELECT record_audit($1, $2::uuid, $3::uuid, $4::bytea, $5::bytea);
