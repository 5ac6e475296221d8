-- api/escalation/find_orders_to_accept.sql: orders of restaurants that accept by themselves, whose time has come and that nobody
-- has answered yet; the longest waiting first. $1 integer: how many at most.
SELECT id, restaurant_id, version
  FROM orders
 WHERE status = 'PENDING' AND accept_at <= now()
 ORDER BY accept_at
 LIMIT $1::integer;
