-- api/escalation/find_oldest_timer.sql: how late the worker is, in seconds: the age of the oldest due timer, and of
-- the oldest message that is due to be sent. 0 when none is.
SELECT greatest(0, extract(epoch FROM now() - (SELECT min(next_at) FROM order_watches))) AS timer_s,
       greatest(0, extract(epoch FROM now() - (SELECT min(next_at) FROM order_alerts WHERE next_at IS NOT NULL)))
           AS message_s;
