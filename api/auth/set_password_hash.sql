-- api/auth/set_password_hash.sql: $1 uuid: user; $2 text: what is stored of the password from now on.
UPDATE users SET password_hash = $2 WHERE id = $1::uuid;
