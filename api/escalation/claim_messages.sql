-- api/escalation/claim_messages.sql: takes messages that are due, for one try each, and gives up those that are an hour
-- old: whoever could not be told by then has other worries.
-- $1 integer: at most so many; $2 integer: at most so many of one restaurant, and $3 uuid[]: none of these, which have
-- messages under way: a receiver that hangs takes its own share only; $4 integer: ms after which another worker
-- may try if nothing has been heard of this one.
-- A row per message. url and secret are null where the restaurant has no webhook.
WITH late AS MATERIALIZED (
    SELECT order_id, step FROM order_alerts
     WHERE next_at <= now() AND at <= now() - interval '1 hour'
       FOR UPDATE SKIP LOCKED
), given_up AS (
    UPDATE order_alerts a
       SET outcome = 'failed', detail = coalesce(a.detail, 'was not sent within an hour'), next_at = NULL, finished_at = now()
      FROM late
     WHERE a.order_id = late.order_id AND a.step = late.step
), due AS MATERIALIZED (
    SELECT order_id, step, next_at, row_number() OVER (PARTITION BY restaurant_id ORDER BY next_at) AS n
      FROM order_alerts
     WHERE next_at <= now() AND at > now() - interval '1 hour' AND restaurant_id <> ALL ($3::uuid[])
), first AS MATERIALIZED (
    -- More than are wanted, since other workers hold some of them.
    SELECT order_id, step FROM due WHERE n <= $2::integer ORDER BY next_at LIMIT 4 * $1::integer
), claimed AS MATERIALIZED (
    SELECT a.order_id, a.step
      FROM first JOIN order_alerts a USING (order_id, step)
     WHERE a.next_at <= now() -- still, now that its row is locked
     ORDER BY a.next_at
     LIMIT $1::integer
       FOR UPDATE OF a SKIP LOCKED
)
UPDATE order_alerts a
   SET attempts = a.attempts + 1, next_at = now() + make_interval(secs => $4::integer / 1000.0)
  FROM claimed c
  JOIN orders o ON o.id = c.order_id
  LEFT JOIN webhooks w ON w.restaurant_id = o.restaurant_id
 WHERE a.order_id = c.order_id AND a.step = c.step
RETURNING a.order_id, a.step, a.restaurant_id, a.attempts, a.action, a.target, a.delivery_id, a.reason, a.waiting_ms,
          utc_text(a.at) AS at, o.status, w.url, w.secret;
