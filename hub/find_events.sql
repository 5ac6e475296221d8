-- A run of a restaurant's events. $1 uuid: restaurant, $2 and $3 bigint: first and last number.
SELECT restaurant_id, seq, order_id, order_version, id, type,
       floor(extract(epoch FROM time) * 1000)::bigint AS time_ms, traceparent, alert, data
  FROM order_events
 WHERE restaurant_id = $1::uuid
   AND seq BETWEEN $2::bigint AND $3::bigint
 ORDER BY seq;
