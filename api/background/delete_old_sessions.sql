-- api/background/delete_old_sessions.sql: forgets sessions that expired a month ago, with their spent tokens, a bounded number at a time.
-- $1 integer: at most so many. By id: the worker is granted two columns, and ctid is neither.
DELETE FROM sessions
 WHERE id = ANY (ARRAY(SELECT id FROM sessions
                        WHERE expires_at < now() - interval '30 days'
                        ORDER BY expires_at
                        LIMIT $1::integer
                        FOR UPDATE SKIP LOCKED));
