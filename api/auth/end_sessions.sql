-- api/auth/end_sessions.sql: ends sessions of a user, and revokes their access tokens. $1 uuid: user; $2 uuid: this one alone, or null;
-- $3 uuid: all but this one, or null; $4 integer: the last so many stay; $5 text: why. A row for each: its id, the
-- moment in unix seconds, and what it was and is now, as JSON for the audit log.
WITH chosen AS (
    SELECT id FROM sessions
     WHERE user_id = $1::uuid AND ended_at IS NULL
       AND ($2::uuid IS NULL OR id = $2::uuid) AND id IS DISTINCT FROM $3::uuid
     ORDER BY last_seen_at DESC, id DESC
    OFFSET $4::integer
), ended AS (
    UPDATE sessions s SET ended_at = clock_timestamp(), ended_for = $5 FROM chosen c WHERE s.id = c.id
    RETURNING s.id, s.user_id, s.created_at, s.last_seen_at
), revoked AS (
    INSERT INTO revocations (kind, id, revoked_at, reason)
    SELECT 'session', id, clock_timestamp(), $5 FROM ended
    ON CONFLICT (kind, id) DO UPDATE SET revoked_at = greatest(revocations.revoked_at, excluded.revoked_at)
    RETURNING id, revoked_at
)
SELECT id, floor(extract(epoch FROM r.revoked_at))::bigint,
       json_build_object('user_id', e.user_id, 'created_at', utc_text(e.created_at), 'last_seen_at', utc_text(e.last_seen_at)),
       json_build_object('ended_for', $5::text, 'ended_at', utc_text(r.revoked_at))
  FROM revoked r JOIN ended e USING (id);
