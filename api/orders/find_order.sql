-- api/orders/find_order.sql: one order with its customer's encrypted data. $1 uuid: order. One row or none.
-- The public part is its latest event's, so that replies and events are the same bytes.
SELECT o.restaurant_id, o.customer_id, o.version, o.last_event_id, e.data,
       o.customer_name, o.customer_phone, o.customer_address, o.note, o.line_notes,
       o.data_key, k.id AS customer_key_id, k.wrapped AS customer_key
  FROM orders o
  JOIN order_events e ON e.order_id = o.id AND e.order_version = o.version
  LEFT JOIN subject_keys k ON k.user_id = o.customer_id
 WHERE o.id = $1::uuid;
