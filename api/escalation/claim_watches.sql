-- api/escalation/claim_watches.sql: takes timers that are due, for this transaction, and drops those of orders that
-- are no longer PENDING. $1 integer: at most so many.
-- A row per timer: the order, its restaurant, and whether it is still PENDING. Nothing here waits for a lock,
-- and no row of orders is locked.
WITH due AS MATERIALIZED (
    SELECT order_id, restaurant_id
      FROM order_watches
     WHERE next_at <= now()
     ORDER BY next_at
     LIMIT $1::integer
       FOR UPDATE SKIP LOCKED
), judged AS MATERIALIZED (
    -- A join, because EXISTS might be answered by a walk through all orders that are PENDING.
    SELECT due.*, coalesce(o.status = 'PENDING', false) AS is_pending
      FROM due LEFT JOIN orders o ON o.id = due.order_id
), dropped AS (
    DELETE FROM order_watches WHERE order_id IN (SELECT order_id FROM judged WHERE NOT is_pending)
)
SELECT order_id, restaurant_id, is_pending FROM judged;
