-- api/privacy/erase_account.sql: deletes a user, revokes all tokens of theirs, and records it. $1 uuid: user.
-- A row: whether there was an account, the moment of the revocation in unix seconds, and whether the account has to stay
-- because a restaurant has no other owner.
WITH orphaned AS MATERIALIZED (
    SELECT EXISTS (
        SELECT FROM users u
          JOIN memberships own ON own.user_id = u.id
         WHERE u.id = $1::uuid AND u.role = 'owner'
           AND NOT EXISTS (SELECT FROM memberships m JOIN users other ON other.id = m.user_id
                            WHERE m.restaurant_id = own.restaurant_id AND other.role = 'owner' AND other.id <> u.id)
    ) AS is_one
), gone AS (
    DELETE FROM users USING orphaned WHERE id = $1::uuid AND NOT orphaned.is_one
    RETURNING id
), revoked AS (
    INSERT INTO revocations (kind, id, revoked_at, reason, erased)
    SELECT 'user', $1::uuid, clock_timestamp(), 'erased', true FROM orphaned WHERE NOT is_one
    ON CONFLICT (kind, id) DO UPDATE
       SET revoked_at = greatest(revocations.revoked_at, excluded.revoked_at), reason = excluded.reason, erased = true
    RETURNING revoked_at
)
SELECT EXISTS (SELECT FROM gone), (SELECT floor(extract(epoch FROM revoked_at))::bigint FROM revoked), is_one,
       CASE WHEN NOT is_one THEN record_audit('user.erased', NULL, $1::uuid, NULL, NULL) END
  FROM orphaned;
