-- api/orders/search_orders.sql: list_orders.sql for the orders of one phone number: its parameters and rows, and
-- $11 bytea: the number's blind index in this restaurant.
SELECT s.seq, s.last_event_id, page.id, page.data
  FROM restaurant_streams s
  LEFT JOIN LATERAL (
       SELECT o.id, e.data
         FROM orders o
         JOIN order_events e ON e.order_id = o.id AND e.order_version = o.version
        WHERE o.restaurant_id = s.restaurant_id
          AND o.phone_index = $11::bytea -- these are index conditions
          AND o.id < CASE WHEN $3::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $3::uuid END
          AND o.id >= CASE WHEN $5::uuid IS NULL THEN '00000000-0000-0000-0000-000000000000' ELSE $5::uuid END
          AND ($2::text[] IS NULL OR o.status = ANY ($2::text[]))
          AND ($6::timestamptz IS NULL OR o.created_at >= $6::timestamptz)
          AND ($7::timestamptz IS NULL OR o.created_at < $7::timestamptz)
          AND ($8::bigint IS NULL OR o.total_amount >= $8::bigint)
          AND ($9::bigint IS NULL OR o.total_amount <= $9::bigint)
          AND ($10::integer IS NULL
               OR ('x' || right(o.id::text, 8))::bit(32)::integer & 33554431 = $10::integer)
        ORDER BY o.id DESC
        LIMIT $4::integer
       ) page ON true
 WHERE s.restaurant_id = $1::uuid
 ORDER BY page.id DESC;
