-- api/auth/insert_session.sql: a new session. $1 uuid: its id; $2 uuid: user; $3 bytea: SHA-256 of the refresh token;
-- $4 bytea: device, encrypted, or null; $5 bytea: address, encrypted; $6 integer: seconds until it expires.
INSERT INTO sessions (id, user_id, token_hash, rotated_at, device, address, expires_at)
VALUES ($1, $2, $3, clock_timestamp(), $4, $5, now() + make_interval(secs => $6::integer));
