-- api/orders/list_own_orders.sql: a page of the orders that a customer has placed, newest first, of all restaurants.
-- $1 uuid: customer; $2 uuid: only orders before this one, or null; $3 integer: at most so many.
SELECT o.id, e.data
  FROM orders o
  JOIN order_events e ON e.order_id = o.id AND e.order_version = o.version
 WHERE o.customer_id = $1::uuid
   AND o.id < CASE WHEN $2::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $2::uuid END -- an index condition
 ORDER BY o.id DESC
 LIMIT $3::integer;
