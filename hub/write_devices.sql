-- Which devices have come to this hub, and which have left it. $1 uuid: the hub's incarnation. One element per device:
-- $2 restaurant uuid[]; $3 device text[]; $4 bigint[]: ms since its latest socket came; $5 bigint[]: ms since its last
-- socket went, null: it has one.
-- A device's row tells of its latest socket, whichever hub tells last: what an old hub has to say about a device that
-- another one has seen since is too late. Rows are taken in one order, so that two hubs cannot wait for each other.
-- A row for each device that was written: its restaurant.
INSERT INTO devices AS known (restaurant_id, device, incarnation, connected_at, left_at)
SELECT told.restaurant_id, told.device, $1::uuid,
       now() - told.connected_ms * interval '1 millisecond', now() - told.left_ms * interval '1 millisecond'
  FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
       AS told (restaurant_id, device, connected_ms, left_ms)
  JOIN restaurants r ON r.id = told.restaurant_id
 ORDER BY told.restaurant_id, told.device
ON CONFLICT (restaurant_id, device) DO UPDATE
   SET incarnation = EXCLUDED.incarnation, connected_at = EXCLUDED.connected_at, left_at = EXCLUDED.left_at
 WHERE known.incarnation = EXCLUDED.incarnation OR known.connected_at < EXCLUDED.connected_at
RETURNING known.restaurant_id;
