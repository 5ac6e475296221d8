-- Which devices count as being at this hub. $1 uuid: its incarnation.
-- A row for each: its restaurant, the device, ms since its latest socket came.
SELECT restaurant_id, device, (extract(epoch FROM now() - connected_at) * 1000)::bigint
  FROM devices
 WHERE incarnation = $1::uuid AND left_at IS NULL;
