-- api/background/delete_old_attempts.sql: forgets attempts to sign in a day after the last one, a bounded number at a time.
-- $1 integer: at most so many.
DELETE FROM login_attempts
 WHERE ctid IN (SELECT ctid FROM login_attempts
                 WHERE last_at < now() - interval '1 day'
                 ORDER BY last_at
                 LIMIT $1::integer
                 FOR UPDATE SKIP LOCKED);
