-- api/auth/use_recovery_code.sql: a recovery code is used up. $1 uuid: user; $2 bytea: its digest. One row: it was one.
DELETE FROM recovery_codes WHERE user_id = $1::uuid AND code_hash = $2::bytea RETURNING user_id;
