-- api/orders/change_orders.sql: decides and writes a batch of status changes in one statement.
-- Runs after lock_streams.sql, in its transaction.
--
-- In, one element per command:
--   $1 order uuid[]       $2 restaurant uuid[]    $3 event uuid[]         $4 audit uuid[]
--   $5 actor_role text[]  $6 actor uuid[]         $7 traceparent text[]
--   $8 key_hash bytea[]   $9 body_hash bytea[]    (null: the request had no Idempotency-Key)
--   $10 status text[]     the new, null: same     $11 from text[]: the old ones allowed, as '{A,B}'
--   $12 event_type text[] $13 restock bool[]      whether counted stock is given back
--   $14 reason text[]     null: none              $15 version bigint[]: expected; null: any
--   $16 ready_ms bigint[] when it will be ready, in ms of the epoch; null: nothing is said, so an order that is
--                         accepted needs what the restaurant usually does, and any other keeps what it had
--   $17 session uuid[]    $18 address text[]      for audit alone
--   $19 device text[]     on which it was done; null: not told
--
-- Out, one row per command, in order: outcome, item (always null), order, seq, version, event, time in ms,
-- data, and for a conflict changed_by and changed_at, the winner's. With ok and replay the columns tell of
-- the change that was made, with conflict data is the order's present state, else they are null. Last, with
-- ok, the event before it in the restaurant's stream (null when it was committed in an earlier attempt).
--
-- Built like create_orders.sql: index probes only, and no CTE is joined with another.
WITH moment AS MATERIALIZED (
    SELECT date_trunc('milliseconds', clock_timestamp()) AS at
), decided AS MATERIALIZED (
    SELECT c.*, stream.seq AS base_seq, stream.last_event_id AS base_event_id, o.version AS old_version, o.currency, o.total_amount,
           coalesce(c.status, o.status) AS new_status,
           coalesce(timestamptz 'epoch' + c.ready_ms * interval '1 millisecond',
                    CASE c.event_type WHEN 'order.accepted'
                         THEN (SELECT date_trunc('milliseconds', now())
                                      + make_interval(mins => usual.prep_minutes
                                                      + CASE WHEN usual.busy_until > now() THEN usual.busy_minutes ELSE 0 END)
                                 FROM restaurants usual WHERE usual.id = c.restaurant_id) END,
                    o.ready_at) AS ready_at,
           o.changed_by, o.created_at, o.updated_at, latest.data AS old_data,
           done.order_id AS done_order, done.seq AS done_seq, done.order_version AS done_version,
           done.id AS done_event, done.time AS done_time, done.data AS done_data,
           CASE
               WHEN own.id IS NOT NULL THEN 'ok' -- committed before, but the answer was lost
               WHEN record.body_hash = c.body_hash THEN 'replay'
               WHEN record.body_hash IS NOT NULL THEN 'key_reused'
               WHEN row_number() OVER (PARTITION BY c.order_id ORDER BY c.n) > 1 THEN 'retry'
               WHEN c.key_hash IS NOT NULL
                    AND row_number() OVER (PARTITION BY c.restaurant_id, c.key_hash ORDER BY c.n) > 1
                    THEN 'retry'
               WHEN o.id IS NULL OR stream.seq IS NULL THEN 'not_found'
               WHEN o.status <> ALL (c.from_statuses::text[]) OR o.version <> c.version THEN 'conflict'
               ELSE 'new'
           END AS outcome
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[],
                  $8::bytea[], $9::bytea[], $10::text[], $11::text[], $12::text[], $13::boolean[],
                  $14::text[], $15::bigint[], $16::bigint[], $17::uuid[], $18::text[], $19::text[]) WITH ORDINALITY
           AS c (order_id, restaurant_id, event_id, audit_id, actor_role, actor_id, traceparent,
                 key_hash, body_hash, status, from_statuses, event_type, restock, reason, version, ready_ms,
                 session_id, address, device, n)
      LEFT JOIN restaurant_streams stream ON stream.restaurant_id = c.restaurant_id
      LEFT JOIN orders o ON o.id = c.order_id AND o.restaurant_id = c.restaurant_id
                        AND (c.actor_role <> 'customer' OR o.customer_id = c.actor_id) -- of others' they know nothing
      LEFT JOIN order_events latest ON latest.order_id = o.id AND latest.order_version = o.version
      LEFT JOIN order_events own ON own.order_id = o.id AND own.id = c.event_id
      LEFT JOIN idempotency record
             ON record.restaurant_id = c.restaurant_id AND record.key_hash = c.key_hash
      LEFT JOIN order_events done
             ON done.order_id = CASE WHEN own.order_id IS NULL THEN record.order_id ELSE own.order_id END
            AND done.order_version = CASE WHEN own.order_id IS NULL THEN record.order_version ELSE own.order_version END
), made AS MATERIALIZED (
    -- Code and items of an order never change, so they are taken from its latest event.
    SELECT d.*, moment.at, d.old_version + 1 AS new_version,
           d.base_seq + row_number() OVER (PARTITION BY d.restaurant_id ORDER BY d.n) AS seq,
           lag(d.event_id, 1, d.base_event_id) OVER (PARTITION BY d.restaurant_id ORDER BY d.n)
               AS previous_event_id,
           row_to_json(ROW (d.order_id, d.restaurant_id, d.old_data::json ->> 'code', d.new_status,
                            d.old_version + 1, d.currency, d.total_amount, d.old_data::json -> 'items',
                            d.reason, utc_text(d.created_at), utc_text(moment.at), utc_text(d.ready_at))::public_order)::text
               AS data
      FROM decided d CROSS JOIN moment
     WHERE d.outcome = 'new'
), numbered AS (
    UPDATE restaurant_streams stream
       SET seq = latest.seq, last_event_id = latest.event_id, updated_at = latest.at
      FROM (SELECT DISTINCT ON (restaurant_id) restaurant_id, seq, event_id, at
              FROM made ORDER BY restaurant_id, seq DESC) latest
     WHERE stream.restaurant_id = latest.restaurant_id
), changed AS (
    UPDATE orders o
       SET status = made.new_status, version = made.new_version, reason = made.reason, ready_at = made.ready_at,
           changed_by = made.actor_role, last_event_id = made.event_id, updated_at = made.at
      FROM made
     WHERE o.id = made.order_id
), restocked AS (
    UPDATE menu_items item
       SET stock = item.stock + total.quantity
      FROM (SELECT made.restaurant_id, line.item_id, sum(line.quantity) AS quantity
              FROM made
              JOIN order_items line ON line.order_id = made.order_id
             WHERE made.restock AND line.counted
             GROUP BY made.restaurant_id, line.item_id) total
     WHERE item.restaurant_id = total.restaurant_id AND item.id = total.item_id
       AND item.stock IS NOT NULL -- no longer counted: nothing to give back
), new_events AS (
    INSERT INTO order_events (restaurant_id, seq, order_id, order_version, id, type, time, traceparent, data, device)
    SELECT restaurant_id, seq, order_id, new_version, event_id, event_type, at, traceparent, data, device
      FROM made
), new_records AS (
    INSERT INTO idempotency (restaurant_id, key_hash, body_hash, order_id, order_version, created_at)
    SELECT restaurant_id, key_hash, body_hash, order_id, new_version, at
      FROM made
     WHERE key_hash IS NOT NULL
), new_audit AS MATERIALIZED (
    SELECT record_audits(array_agg(ROW (audit_id, at, restaurant_id, actor_role, actor_id, session_id, address,
                                        event_type, order_id, substr(traceparent, 4, 32), NULL, NULL)::audit_entry))
      FROM made
)
SELECT n, 'ok' AS outcome, NULL::uuid AS item_id, order_id, seq, new_version AS version, event_id,
       (extract(epoch FROM at) * 1000)::bigint AS time_ms, data,
       NULL AS changed_by, NULL AS changed_at, previous_event_id
  FROM made CROSS JOIN new_audit -- or else it would not be run
UNION ALL
SELECT n, outcome, NULL, done_order, done_seq, done_version, done_event,
       (extract(epoch FROM done_time) * 1000)::bigint,
       CASE outcome WHEN 'conflict' THEN old_data ELSE done_data END,
       CASE outcome WHEN 'conflict' THEN changed_by END,
       CASE outcome WHEN 'conflict' THEN utc_text(updated_at) END, NULL
  FROM decided
 WHERE outcome <> 'new'
 ORDER BY 1;
