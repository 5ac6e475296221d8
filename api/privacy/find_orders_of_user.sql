-- api/privacy/find_orders_of_user.sql: the orders of a customer that are to be erased, locked. $1 uuid: user; $2 integer:
-- at most so many. Rows as of find_order_to_erase.sql. 55P03 when another transaction holds one of them.
SELECT o.id, o.restaurant_id, o.customer_id, o.status, o.created_at, o.customer_name, o.customer_phone,
       o.customer_address, o.data_key, k.id AS customer_key_id, k.wrapped AS customer_key
  FROM orders o
  LEFT JOIN subject_keys k ON k.user_id = o.customer_id
 WHERE o.customer_id = $1::uuid AND o.customer_name IS NOT NULL
 ORDER BY o.id
 LIMIT $2::integer
   FOR UPDATE OF o NOWAIT;
