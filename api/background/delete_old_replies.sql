-- api/background/delete_old_replies.sql: forgets stored replies older than a day, a bounded number at a time.
-- $1 integer: at most so many.
DELETE FROM request_replies
 WHERE ctid IN (SELECT ctid FROM request_replies
                 WHERE created_at < now() - interval '24 hours'
                 ORDER BY created_at
                 LIMIT $1::integer
                 FOR UPDATE SKIP LOCKED);
