-- api/restaurants/pause.sql: takes no orders for a while. $1 uuid: restaurant; $2 bigint: until when, in ms of the epoch; $3 text:
-- why, or null.
UPDATE restaurants
   SET paused_until = timestamptz 'epoch' + $2::bigint * interval '1 millisecond', pause_reason = $3, version = version + 1
 WHERE id = $1::uuid;
