-- api/auth/use_totp_step.sql: a code's step is used up, if neither it nor a later one has been before. $1 uuid: user; $2 bigint: step.
-- One row: then it was.
UPDATE users SET totp_last_step = $2::bigint WHERE id = $1::uuid AND totp_last_step < $2::bigint RETURNING id;
