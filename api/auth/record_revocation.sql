-- Revokes a user's tokens of up to now, or a session's, and says so in the audit log. Again: moves the moment on.
-- $1 text: user or session; $2 uuid: which; $3 text: reason or null; $4 text: who does it (a role), $5 uuid: and
-- their id or null; $6 uuid: id of the audit row; $7 text: trace id.
-- One row: the moment, in unix seconds and as text.
WITH revoked AS (
    INSERT INTO revocations (kind, id, revoked_at, reason)
    VALUES ($1, $2::uuid, clock_timestamp(), $3)
    ON CONFLICT (kind, id) DO UPDATE
       SET revoked_at = greatest(revocations.revoked_at, excluded.revoked_at), reason = excluded.reason
    RETURNING kind, id, revoked_at
), audited AS MATERIALIZED (
    SELECT record_audits(ARRAY[ROW ($6::uuid, clock_timestamp(), NULL, $4, $5::uuid, NULL, NULL, kind || '.revoked', id,
                                    $7, NULL, NULL)::audit_entry])
      FROM revoked
)
SELECT floor(extract(epoch FROM revoked_at))::bigint, utc_text(revoked_at) FROM revoked CROSS JOIN audited;
