-- api/orders/lock_streams.sql: the first statement of every transaction that writes orders or stock.
-- $1 uuid[]: the restaurants. One row per restaurant that exists.
-- Ascending order, so that two writers never wait for each other in a circle. The statements that follow
-- take their snapshots after these locks were granted, and so see all that earlier writers committed.
SELECT restaurant_id
  FROM restaurant_streams
 WHERE restaurant_id = ANY ($1::uuid[])
 ORDER BY restaurant_id
   FOR UPDATE;
