-- api/auth/end_sessions.sql: ends sessions of a user, and revokes their access tokens. $1 uuid: user; $2 uuid: this one alone, or null;
-- $3 uuid: all but this one, or null; $4 integer: the last so many stay; $5 text: why. A row for each: its id, and the
-- moment in unix seconds.
WITH chosen AS (
    SELECT id FROM sessions
     WHERE user_id = $1::uuid AND ended_at IS NULL
       AND ($2::uuid IS NULL OR id = $2::uuid) AND id IS DISTINCT FROM $3::uuid
     ORDER BY last_seen_at DESC, id DESC
    OFFSET $4::integer
), ended AS (
    UPDATE sessions s SET ended_at = clock_timestamp(), ended_for = $5 FROM chosen c WHERE s.id = c.id
    RETURNING s.id
), revoked AS (
    INSERT INTO revocations (kind, id, revoked_at, reason)
    SELECT 'session', id, clock_timestamp(), $5 FROM ended
    ON CONFLICT (kind, id) DO UPDATE SET revoked_at = greatest(revocations.revoked_at, excluded.revoked_at)
    RETURNING id, revoked_at
)
SELECT id, floor(extract(epoch FROM revoked_at))::bigint, record_audit('session.ended', NULL, id, NULL, NULL) FROM revoked;
