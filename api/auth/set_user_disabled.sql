-- api/auth/set_user_disabled.sql: whether somebody may sign in. $1 uuid: user; $2 boolean: no. One row, or none: there is no such user.
WITH changed AS (
    UPDATE users SET disabled_at = CASE WHEN $2::boolean THEN coalesce(disabled_at, now()) END
     WHERE id = $1::uuid
    RETURNING id
)
SELECT id, record_audit(CASE WHEN $2::boolean THEN 'user.disabled' ELSE 'user.enabled' END, NULL, id, NULL, NULL)
  FROM changed;
