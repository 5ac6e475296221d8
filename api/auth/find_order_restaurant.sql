-- api/auth/find_order_restaurant.sql: whose order it is. $1 uuid: order. One row or none.
SELECT restaurant_id FROM orders WHERE id = $1;
