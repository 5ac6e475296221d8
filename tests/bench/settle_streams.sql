-- After fill_orders.sql: each restaurant's stream stands at its last event, and the planner knows the tables.
UPDATE restaurant_streams stream
   SET seq = latest.seq, last_event_id = latest.id, updated_at = now()
  FROM restaurants
 CROSS JOIN LATERAL (
       SELECT seq, id FROM order_events
        WHERE restaurant_id = restaurants.id ORDER BY seq DESC LIMIT 1
       ) latest
 WHERE stream.restaurant_id = restaurants.id;
VACUUM (ANALYZE) orders;
VACUUM (ANALYZE) order_events;
VACUUM (ANALYZE) restaurant_streams;
