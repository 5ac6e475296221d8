-- api/escalation/enrol_orders.sql: gives a timer to each order that is still PENDING after the shortest limit that
-- any restaurant has; orders that are accepted sooner cost nothing.
-- $1 text: since, as returned before, or null for all orders; $2 integer: at most so many.
-- One row: how far the look has come, and how many orders it has found. Any number of workers may enrol.
-- An order's time is older than its commit, so a look has come no further than to what is 15 seconds old: a younger
-- order may still be on its way. With limits above that every order is looked at once, and none again and again.
-- Each minimum is one probe of an index.
WITH upto AS MATERIALIZED (
    SELECT now() - make_interval(secs => least(
               (SELECT least(min(display_within_s), min(accept_within_s), min(reject_after_s)) FROM restaurants),
               (SELECT min(after_s) FROM escalation_steps))) AS at
), found AS MATERIALIZED (
    SELECT o.id, o.restaurant_id
      FROM orders o
     WHERE o.status = 'PENDING'
       AND o.created_at <= (SELECT at FROM upto)
       AND o.created_at > coalesce($1::timestamptz, '-infinity')
       AND NOT EXISTS (SELECT FROM order_watches known WHERE known.order_id = o.id)
     ORDER BY o.created_at
     LIMIT $2::integer
), enrolled AS (
    INSERT INTO order_watches (order_id, restaurant_id, next_at)
    SELECT id, restaurant_id, now() FROM found
        ON CONFLICT (order_id) DO NOTHING
)
SELECT least(upto.at, now() - interval '15 seconds')::text, (SELECT count(*) FROM found) FROM upto;
