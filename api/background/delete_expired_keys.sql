-- api/background/delete_expired_keys.sql: forgets idempotency records older than a day, a bounded number at a time.
-- $1 integer: at most so many.
DELETE FROM idempotency
 WHERE ctid IN (SELECT ctid FROM idempotency
                 WHERE created_at < now() - interval '24 hours'
                 ORDER BY created_at
                 LIMIT $1::integer
                 FOR UPDATE SKIP LOCKED);
