-- api/privacy/find_order_to_erase.sql: one order, locked. $1 uuid: order. A row, or none: id, restaurant, customer (null:
-- a guest), status, time, the columns with name, phone and address (null: erased), and its keys as find_order.sql gives
-- them. 55P03 when another transaction holds it.
SELECT o.id, o.restaurant_id, o.customer_id, o.status, o.created_at, o.customer_name, o.customer_phone,
       o.customer_address, o.data_key, k.id AS customer_key_id, k.wrapped AS customer_key
  FROM orders o
  LEFT JOIN subject_keys k ON k.user_id = o.customer_id
 WHERE o.id = $1::uuid
   FOR UPDATE OF o NOWAIT;
