-- Revokes a user's tokens of up to now, or a session's. Again: moves the moment on.
-- $1 text: user or session; $2 uuid: which; $3 text: reason or null.
-- One row: the moment, in unix seconds and as text; and for the audit log as JSON what there was before, or null, and what there is; the action.
-- The reason stays out of the log: what somebody wrote about a person would outlive the person's erasure there.
WITH before AS (
    SELECT revoked_at FROM revocations WHERE kind = $1 AND id = $2::uuid
), revoked AS (
    INSERT INTO revocations (kind, id, revoked_at, reason)
    VALUES ($1, $2::uuid, clock_timestamp(), $3)
    ON CONFLICT (kind, id) DO UPDATE
       SET revoked_at = greatest(revocations.revoked_at, excluded.revoked_at), reason = excluded.reason
    RETURNING kind, revoked_at
)
SELECT floor(extract(epoch FROM r.revoked_at))::bigint, utc_text(r.revoked_at),
       (SELECT json_build_object('revoked_at', utc_text(revoked_at)) FROM before),
       json_build_object('revoked_at', utc_text(r.revoked_at)), r.kind || '.revoked'
  FROM revoked r;
