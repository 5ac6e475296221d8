-- api/presence/delete_old_devices.sql: forgets devices that have not been seen for long, a bounded number at a time. Whether their
-- restaurant is reachable stays as it was.
-- $1 integer: days; $2 integer: at most so many.
DELETE FROM devices
 WHERE ctid IN (SELECT ctid FROM devices
                 WHERE left_at < now() - make_interval(days => $1::integer)
                 LIMIT $2::integer
                 FOR UPDATE SKIP LOCKED);
