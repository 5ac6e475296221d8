-- Who placed some orders with an account. $1 uuid[]: orders. A row for each that exists: its restaurant, its id, and the
-- customer (null: a guest).
SELECT restaurant_id, id, customer_id
  FROM orders
 WHERE id = ANY ($1::uuid[]);
