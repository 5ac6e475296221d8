-- A run of a restaurant's events, each with the id of the one before. $1 uuid: restaurant, $2 and $3 bigint: first
-- and last number.
SELECT restaurant_id, seq, order_id, order_version, id, type,
       floor(extract(epoch FROM time) * 1000)::bigint AS time_ms, traceparent, data, previous_id
  FROM (SELECT *, lag(id) OVER (ORDER BY seq) AS previous_id
          FROM order_events
         WHERE restaurant_id = $1::uuid
           AND seq BETWEEN $2::bigint - 1 AND $3::bigint) run
 WHERE seq >= $2::bigint
 ORDER BY seq;
