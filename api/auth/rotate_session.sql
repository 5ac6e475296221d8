-- api/auth/rotate_session.sql: a refresh token takes the place of another. $1 uuid: session; $2 bytea: SHA-256 of the old one;
-- $3 bytea: of the new one; $4 bytea: address, encrypted; $5 integer: seconds until the session expires, a year after
-- its beginning at the latest.
WITH rotated AS (
    UPDATE sessions
       SET token_hash = $3, previous_hash = $2, rotated_at = clock_timestamp(), last_seen_at = now(), address = $4,
           expires_at = least(now() + make_interval(secs => $5::integer), created_at + interval '1 year')
     WHERE id = $1::uuid
    RETURNING id, user_id
)
INSERT INTO spent_tokens (session_id, user_id, token_hash) SELECT id, user_id, $2::bytea FROM rotated;
