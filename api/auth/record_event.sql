-- api/auth/record_event.sql: something that concerns security, on record. $1 text: what; $2 uuid: whom it concerns.
SELECT record_audit($1, NULL, $2::uuid, NULL, NULL);
