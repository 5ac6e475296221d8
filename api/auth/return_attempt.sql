-- api/auth/return_attempt.sql: takes counted attempts back. $1 bytea: the account's key; $2 bytea: the address' key;
-- $3 boolean: the account's count is forgotten altogether.
WITH present AS MATERIALIZED (
    SELECT key FROM login_attempts WHERE key IN ($1::bytea, $2::bytea)
     ORDER BY key -- as they are counted: no deadlock
       FOR UPDATE
), forgotten AS (
    DELETE FROM login_attempts WHERE key = $1::bytea AND $3::boolean AND (SELECT count(*) FROM present) > 0
)
UPDATE login_attempts
   SET failures = greatest(failures - 1, 0),
       locked_until = CASE WHEN key = $1::bytea AND failures <= 5 OR key = $2::bytea AND failures <= 30 THEN NULL
                           ELSE locked_until END
 WHERE (key = $2::bytea OR (key = $1::bytea AND NOT $3::boolean)) AND (SELECT count(*) FROM present) > 0;
