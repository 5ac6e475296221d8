-- api/restaurants/start_busy.sql: everything takes longer for a while. $1 uuid: restaurant; $2 bigint: until when, in ms of the
-- epoch; $3 integer: by how many minutes.
UPDATE restaurants
   SET busy_until = timestamptz 'epoch' + $2::bigint * interval '1 millisecond', busy_minutes = $3::integer,
       version = version + 1
 WHERE id = $1::uuid;
