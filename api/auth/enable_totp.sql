-- api/auth/enable_totp.sql: from now on a code is asked for. $1 uuid: user; $2 bytea[]: digests of the recovery codes.
-- One row, or none when it is in use already or nothing was offered.
WITH enabled AS (
    UPDATE users SET totp_enabled_at = now()
     WHERE id = $1::uuid AND totp_enabled_at IS NULL AND totp_secret IS NOT NULL
    RETURNING id
), codes AS (
    INSERT INTO recovery_codes (user_id, code_hash)
    SELECT e.id, c.hash FROM enabled e CROSS JOIN unnest($2::bytea[]) AS c (hash)
)
SELECT id FROM enabled;
