-- api/auth/disable_totp.sql: no code is asked for any more. $1 uuid: user. One row, or none when none was asked for.
WITH disabled AS (
    UPDATE users SET totp_secret = NULL, totp_enabled_at = NULL
     WHERE id = $1::uuid AND totp_enabled_at IS NOT NULL
    RETURNING id
), codes AS (
    DELETE FROM recovery_codes WHERE user_id = $1::uuid
)
SELECT id FROM disabled;
