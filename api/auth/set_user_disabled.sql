-- api/auth/set_user_disabled.sql: whether somebody may sign in. $1 uuid: user; $2 boolean: no. One row, or none: there is no such user.
UPDATE users SET disabled_at = CASE WHEN $2::boolean THEN coalesce(disabled_at, now()) END
 WHERE id = $1::uuid
RETURNING id;
