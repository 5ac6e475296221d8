-- api/escalation/escalate_orders.sql: takes every step that is due for some orders, and sets their timers anew.
-- Runs after claim_watches.sql and lock_streams.sql, in their transaction.
-- $1 uuid[]: orders, whose timers this transaction holds and whose restaurants' streams it has locked, so that
-- nobody else can change them or take these steps.
--
-- Out, a row per thing to do after the commit. what is 'publish', with the columns of an event of order.alerted,
-- or 'reject': the order has waited for as long as its restaurant allows, and version is the order's.
--
-- An alert becomes an event here; any other action becomes a row that the sender takes up. Index probes only,
-- like create_orders.sql.
WITH moment AS MATERIALIZED (
    SELECT date_trunc('milliseconds', clock_timestamp()) AS at
), waiting AS MATERIALIZED (
    SELECT o.id AS order_id, o.restaurant_id, o.version, o.created_at, moment.at, stream.seq AS base_seq,
           stream.last_event_id AS base_event_id,
           floor(extract(epoch FROM moment.at - o.created_at) * 1000)::bigint AS waiting_ms,
           coalesce(o.created_at + make_interval(secs => restaurant.reject_after_s), 'infinity') AS reject_at,
           latest.traceparent, latest.data
      FROM unnest($1::uuid[]) AS claimed (id)
     CROSS JOIN moment
      JOIN orders o ON o.id = claimed.id AND o.status = 'PENDING'
      JOIN restaurants restaurant ON restaurant.id = o.restaurant_id
      JOIN restaurant_streams stream ON stream.restaurant_id = o.restaurant_id
      JOIN order_events latest ON latest.order_id = o.id AND latest.order_version = o.version
), ahead AS MATERIALIZED (
    SELECT w.*, step.step, step.reason, step.action, step.target, step.due_at
      FROM waiting w
      JOIN order_steps_ahead step ON step.order_id = w.order_id
), taken AS MATERIALIZED (
    -- An order that is about to be rejected needs nobody's attention any more.
    SELECT ahead.*, gen_random_uuid() AS event_id,
           ahead.base_seq + row_number() OVER (PARTITION BY ahead.restaurant_id, ahead.action = 'alert'
                                               ORDER BY ahead.due_at, ahead.order_id, ahead.step) AS seq
      FROM ahead
     WHERE ahead.due_at <= ahead.at AND ahead.reject_at > ahead.at
), counted AS MATERIALIZED (
    -- Which of the order's alerts each is. The ladder's numbers would not do: its steps are taken as they are due.
    SELECT taken.*, row_number() OVER (PARTITION BY order_id ORDER BY seq)
           + (SELECT count(*) FROM order_alerts earlier
               WHERE earlier.order_id = taken.order_id AND earlier.action = 'alert') AS alert_number
      FROM taken
     WHERE action = 'alert'
), rung AS MATERIALIZED (
    -- The order as it is, and as its last member why somebody should look at it. One line, like all data of events.
    SELECT counted.*, lag(event_id, 1, base_event_id) OVER (PARTITION BY restaurant_id ORDER BY seq) AS previous_event_id,
           left(data, -1) || format(',"alert":{"step":%s,"reason":"%s","waiting_ms":%s}}', alert_number, reason, waiting_ms)
               AS alerted_data
      FROM counted
), numbered AS (
    UPDATE restaurant_streams stream
       SET seq = latest.seq, last_event_id = latest.event_id, updated_at = latest.at
      FROM (SELECT DISTINCT ON (restaurant_id) restaurant_id, seq, event_id, at
              FROM rung ORDER BY restaurant_id, seq DESC) latest
     WHERE stream.restaurant_id = latest.restaurant_id
), new_events AS (
    INSERT INTO order_events (restaurant_id, seq, order_id, order_version, id, type, time, traceparent, data)
    SELECT restaurant_id, seq, order_id, NULL, event_id, 'order.alerted', at, traceparent, alerted_data
      FROM rung
), new_audit AS MATERIALIZED (
    SELECT record_audits(array_agg(ROW (gen_random_uuid(), at, restaurant_id, 'system', NULL, NULL, NULL,
                                        'order.alerted', order_id, substr(traceparent, 4, 32), NULL,
                                        NULL)::audit_entry))
      FROM rung
), recorded AS (
    INSERT INTO order_alerts (order_id, step, restaurant_id, at, reason, action, target, waiting_ms, outcome,
                              delivery_id, next_at, finished_at)
    SELECT order_id, step, restaurant_id, at, reason, action, target, waiting_ms,
           CASE action WHEN 'alert' THEN 'done' ELSE 'waiting' END, event_id,
           CASE action WHEN 'alert' THEN NULL ELSE at END, CASE action WHEN 'alert' THEN at END
      FROM taken
), timed AS (
    -- Looked at again when the next step is due, but within a minute: by then a change of the restaurant's
    -- settings is seen. What is to be rejected comes again soon, in case that this process dies before it does it.
    UPDATE order_watches watch
       SET next_at = CASE WHEN w.reject_at <= w.at THEN w.at + interval '5 seconds'
                          ELSE least(w.reject_at, w.at + interval '1 minute',
                                     (SELECT min(due_at) FROM ahead
                                       WHERE ahead.order_id = w.order_id AND ahead.due_at > w.at)) END
      FROM waiting w
     WHERE watch.order_id = w.order_id
)
SELECT 'publish' AS what, restaurant_id, order_id, NULL::bigint AS version, seq, event_id,
       floor(extract(epoch FROM at) * 1000)::bigint AS time_ms, traceparent, alerted_data, previous_event_id
  FROM rung CROSS JOIN new_audit -- or else it would not be run
UNION ALL
SELECT 'reject', restaurant_id, order_id, version, NULL, NULL, NULL, NULL, NULL, NULL
  FROM waiting
 WHERE reject_at <= at
 ORDER BY restaurant_id, seq;
