-- api/escalation/postpone_watch.sql: looks at an order again soon, whose steps the database has refused: by then it may have
-- to be rejected. Runs after claim_watches.sql, in its transaction. $1 uuid: order.
UPDATE order_watches SET next_at = now() + interval '5 seconds' WHERE order_id = $1::uuid;
