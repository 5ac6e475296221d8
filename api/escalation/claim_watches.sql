-- api/escalation/claim_watches.sql: takes timers that have run out, for this transaction. Those of orders that are no
-- longer PENDING are dropped, and those of orders for which nothing is due are set anew: most are of this kind, and
-- only the others are worth the lock that all writers of their restaurant wait for.
-- $1 integer: at most so many.
-- A row per timer: the order, its restaurant, and whether a step or its rejection is due. Nothing here waits for a
-- lock, and no row of orders is locked.
WITH run_out AS MATERIALIZED (
    SELECT order_id, restaurant_id
      FROM order_watches
     WHERE next_at <= now()
     ORDER BY next_at
     LIMIT $1::integer
       FOR UPDATE SKIP LOCKED
), judged AS MATERIALIZED (
    -- A join, because EXISTS might be answered by a walk through all orders that are PENDING.
    SELECT run_out.*, coalesce(o.status = 'PENDING', false) AS is_pending,
           least(o.created_at + make_interval(secs => restaurant.reject_after_s),
                 (SELECT min(ahead.due_at) FROM order_steps_ahead ahead WHERE ahead.order_id = run_out.order_id)) AS due_at
      FROM run_out
      LEFT JOIN orders o ON o.id = run_out.order_id
      LEFT JOIN restaurants restaurant ON restaurant.id = o.restaurant_id
), dropped AS (
    DELETE FROM order_watches WHERE order_id IN (SELECT order_id FROM judged WHERE NOT is_pending)
), set_anew AS (
    -- Within a minute a change of the restaurant's settings is seen.
    UPDATE order_watches watch
       SET next_at = least(judged.due_at, now() + interval '1 minute')
      FROM judged
     WHERE watch.order_id = judged.order_id AND judged.is_pending AND (judged.due_at > now() OR judged.due_at IS NULL)
)
SELECT order_id, restaurant_id, is_pending AND coalesce(due_at <= now(), false) AS is_due FROM judged;
