-- api/auth/find_user.sql: one person's account. $1 uuid: user. One row or none.
SELECT role, email, name, password_hash, totp_secret, totp_enabled_at IS NOT NULL, disabled_at IS NOT NULL,
       (SELECT coalesce(string_agg(restaurant_id::text, ' ' ORDER BY restaurant_id), '')
          FROM memberships WHERE user_id = users.id)
  FROM users
 WHERE id = $1;
