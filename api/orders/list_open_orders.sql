-- api/orders/list_open_orders.sql: list_orders.sql when all wanted statuses are open ones, which is what tablets
-- ask for. The statuses are spelled out, so that the few open orders come from the index orders_active
-- however long the restaurant's history is. Parameters and rows are the same, but $2 is not null.
SELECT s.seq, s.last_event_id, page.id, page.data
  FROM restaurant_streams s
  LEFT JOIN LATERAL (
       SELECT o.id, e.data
         FROM orders o
         JOIN order_events e ON e.order_id = o.id AND e.order_version = o.version
        WHERE o.restaurant_id = s.restaurant_id
          AND o.status IN ('PENDING', 'ACCEPTED', 'PREPARING', 'READY')
          AND o.status = ANY ($2::text[])
          AND o.id < CASE WHEN $3::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $3::uuid END -- an index condition
        ORDER BY o.id DESC
        LIMIT $4::integer
       ) page ON true
 WHERE s.restaurant_id = $1::uuid
 ORDER BY page.id DESC;
