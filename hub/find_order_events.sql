-- The own events of some orders (not those that are for the restaurant alone). $1 uuid[]: orders. An order has few:
-- one for each change of its status.
SELECT restaurant_id, seq, order_id, order_version, id, type,
       floor(extract(epoch FROM time) * 1000)::bigint AS time_ms, traceparent, data,
       NULL::uuid AS previous_id -- these do not come one after the other in the restaurant's stream
  FROM order_events
 WHERE order_id = ANY ($1::uuid[])
   AND order_version IS NOT NULL
 ORDER BY order_id, order_version;
