-- api/auth/set_password_hash.sql: another password. $1 uuid: user; $2 text: what is stored of it from now on; $3 text: what was
-- when the old one was judged. One row, or none: somebody else has changed it since.
UPDATE users SET password_hash = $2 WHERE id = $1::uuid AND password_hash = $3 RETURNING id;
