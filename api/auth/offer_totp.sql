-- api/auth/offer_totp.sql: a secret that the user may put into an app. $1 uuid: user; $2 bytea: the secret, encrypted.
-- One row, or none when a second factor is in use.
UPDATE users SET totp_secret = $2::bytea, totp_last_step = 0 WHERE id = $1::uuid AND totp_enabled_at IS NULL RETURNING id;
