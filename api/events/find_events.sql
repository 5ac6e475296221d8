-- api/events/find_events.sql: events of a restaurant after a number, in order, each with the id of the one before.
-- $1 uuid: restaurant; $2 bigint: after this seq; $3 integer: at most so many rows.
SELECT seq, order_id, order_version, id, type,
       floor(extract(epoch FROM time) * 1000)::bigint AS time_ms, traceparent, data, previous_id
  FROM (SELECT *, lag(id) OVER (ORDER BY seq) AS previous_id
          FROM order_events
         WHERE restaurant_id = $1::uuid AND seq >= $2::bigint) run
 WHERE seq > $2::bigint
 ORDER BY seq
 LIMIT $3::integer;
