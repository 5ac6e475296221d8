-- api/orders/create_orders.sql: decides and writes a batch of new orders in one statement.
-- Runs after lock_streams.sql, in its transaction.
--
-- In, one element per command:
--   $1 order uuid[]       $2 restaurant uuid[]    $3 code text[]          $4 event uuid[]
--   $5 audit uuid[]       $6 actor_role text[]    $7 actor uuid[]         $8 traceparent text[]
--   $9 key_hash bytea[]   $10 body_hash bytea[]   (null: the request had no Idempotency-Key)
--   $11 name bytea[]      $12 phone bytea[]       $13 address bytea[]     $14 note bytea[]   (encrypted)
--   $15 first int[]       $16 last int[]          which of the lines below are its own
-- and, for the lines of all orders, one behind the other:
--   $17 item uuid[]       $18 quantity int[]      $19 wanted int[]        (of the item, in the whole order)
--   $20 first int[]       $21 last int[]          which of the options below are its own
-- and, for the options of all lines, one behind the other:
--   $22 option uuid[]
-- and per command again:
--   $23 line_notes bytea[] (encrypted)
--   $24 data_key bytea[]  (wrapped; null: the customer's)                 $25 phone_index bytea[]
--   $26 session uuid[]    $27 address text[]      for audit alone
--
-- Out, one row per command, in order: outcome, item (the culprit), order, seq, version, event, time in ms,
-- data (the order's public JSON); the last six are null unless the outcome is ok or replay. The next two
-- columns are those of change_orders.sql; the second tells with restaurant_closed when it opens, if that is known.
-- Then, with ok, the event before it in the restaurant's stream (null when it was committed in an earlier attempt).
-- Last, of a line whose options cannot be had, its number from 1 on, and the option, or group of options, that is the
-- culprit.
--
-- How it is built: each command meets the tables through index probes only, and CTEs are never joined with
-- each other (that would be quadratic in the batch), so one generic plan serves a batch of 1 and of 512.
-- The writer's session (api/orders/batch.c) forbids the planner everything else.
WITH moment AS MATERIALIZED (
    SELECT now.at, utc_text(now.at) AS text
      FROM (SELECT date_trunc('milliseconds', clock_timestamp()) AS at) now
), judged AS MATERIALIZED (
    SELECT c.*, stream.seq AS base_seq, stream.last_event_id AS base_event_id, restaurant.currency,
           restaurant.auto_accept_after_s, basket.*,
           done.order_id AS done_order, done.seq AS done_seq, done.order_version AS done_version,
           done.id AS done_event, done.time AS done_time, done.data AS done_data,
           CASE
               WHEN own.order_id IS NOT NULL THEN 'ok' -- committed before, but the answer was lost
               WHEN record.body_hash = c.body_hash THEN 'replay'
               WHEN record.body_hash IS NOT NULL THEN 'key_reused'
               WHEN c.key_hash IS NOT NULL
                    AND row_number() OVER (PARTITION BY c.restaurant_id, c.key_hash ORDER BY c.n) > 1
                    THEN 'retry'
               -- Their key was read before they were erased, and is gone: nobody could read the order.
               WHEN c.actor_role = 'customer'
                    AND EXISTS (SELECT FROM revocations gone WHERE gone.kind = 'user' AND gone.id = c.actor_id AND gone.erased
                                OFFSET 0) -- a probe, and no hash of them all
                    THEN 'customer_erased'
               WHEN stream.seq IS NULL THEN 'restaurant_not_found'
               WHEN NOT restaurant.accepting OR restaurant.paused_until > now()
                    OR NOT restaurant.open_times @> now() THEN 'restaurant_closed' -- null: no pause, no hours
               WHEN restaurant.refuse_when_unreachable AND NOT reachability.reachable THEN 'restaurant_unreachable'
               WHEN basket.unknown_item IS NOT NULL THEN 'unknown_item'
               WHEN basket.unavailable_item IS NOT NULL THEN 'item_unavailable'
               WHEN basket.bad_line IS NOT NULL THEN (basket.bad_terms).problem
               WHEN basket.short_item IS NOT NULL THEN 'out_of_stock'
               -- Its events have to fit into a frame (order_events_fit_frames), with what steps and alerts add later.
               WHEN octet_length(basket.items::text) > 55000 THEN 'order_too_large'
               ELSE 'fits'
           END AS verdict
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::uuid[],
                  $8::text[], $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[],
                  $14::bytea[], $15::integer[], $16::integer[], $23::bytea[], $24::bytea[], $25::bytea[],
                  $26::uuid[], $27::text[]) WITH ORDINALITY
           AS c (order_id, restaurant_id, code, event_id, audit_id, actor_role, actor_id, traceparent,
                 key_hash, body_hash, customer_name, customer_phone, customer_address, note,
                 first_line, last_line, line_notes, data_key, phone_index, session_id,
                 address, n)
      LEFT JOIN restaurants restaurant ON restaurant.id = c.restaurant_id
      LEFT JOIN restaurant_reachability reachability ON reachability.restaurant_id = c.restaurant_id -- none: not known
      LEFT JOIN restaurant_streams stream ON stream.restaurant_id = c.restaurant_id
      LEFT JOIN order_events own ON own.order_id = c.order_id AND own.id = c.event_id
      LEFT JOIN idempotency record
             ON record.restaurant_id = c.restaurant_id AND record.key_hash = c.key_hash
      LEFT JOIN order_events done
             ON done.order_id = CASE WHEN own.order_id IS NULL THEN record.order_id ELSE own.order_id END
            AND done.order_version = CASE WHEN own.order_id IS NULL THEN record.order_version ELSE own.order_version END
     CROSS JOIN LATERAL (
           SELECT (array_agg(item_id) FILTER (WHERE name IS NULL))[1] AS unknown_item, -- a known one has a name
                  (array_agg(item_id) FILTER (WHERE NOT available))[1] AS unavailable_item,
                  (array_agg(n) FILTER (WHERE (terms).problem IS NOT NULL))[1] AS bad_line,
                  (array_agg(terms) FILTER (WHERE (terms).problem IS NOT NULL))[1] AS bad_terms,
                  (array_agg(item_id) FILTER (WHERE stock < wanted))[1] AS short_item,
                  array_agg(item_id) AS item_ids,
                  array_agg(quantity) AS quantities,
                  array_agg(name) AS names,
                  array_agg(coalesce((terms).unit_amount, unit_amount)) AS unit_amounts,
                  array_agg(stock) AS stocks,
                  bool_or(stock IS NOT NULL) AS is_counted,
                  sum(quantity * coalesce((terms).unit_amount, unit_amount))::bigint AS total_amount,
                  array_to_json(array_agg(ROW (item_id, name, quantity, coalesce((terms).unit_amount, unit_amount),
                                               coalesce((terms).options, '[]'))::public_order_item)) AS items
             FROM (SELECT line.n, line.item_id, line.quantity, line.wanted, item.name, item.unit_amount, item.stock,
                          item.available OR coalesce(item.sold_out_until <= (SELECT at FROM moment), false) AS available,
                          CASE WHEN item.has_terms OR line.first_option <= line.last_option -- most lines have none
                               THEN find_line_terms(c.restaurant_id, item.id, item.menu_id, item.unit_amount,
                                                    ($22::uuid[])[line.first_option:line.last_option],
                                                    (SELECT at FROM moment)) END AS terms
                     FROM unnest(($17::uuid[])[c.first_line:c.last_line],
                                 ($18::integer[])[c.first_line:c.last_line],
                                 ($19::integer[])[c.first_line:c.last_line],
                                 ($20::integer[])[c.first_line:c.last_line],
                                 ($21::integer[])[c.first_line:c.last_line]) WITH ORDINALITY
                          AS line (item_id, quantity, wanted, first_option, last_option, n)
                     LEFT JOIN menu_items item
                            ON item.restaurant_id = c.restaurant_id AND item.id = line.item_id
                    ORDER BY line.n -- once, for all of the aggregates
                  ) sorted
           ) basket
), claim AS MATERIALIZED (
    -- What the order and those before it in the batch want of each counted item.
    SELECT j.n, line.stock,
           sum(line.quantity) OVER (PARTITION BY j.restaurant_id, line.item_id ORDER BY j.n) AS claimed
      FROM judged j
     CROSS JOIN LATERAL unnest(j.item_ids, j.quantities, j.stocks) AS line (item_id, quantity, stock)
     WHERE j.verdict = 'fits' AND j.is_counted AND line.stock IS NOT NULL
), decided AS MATERIALIZED (
    -- An order that would fit alone but not behind the others waits for the next batch, when it is known
    -- which of the others took their share. The first in line never waits, so there is always progress.
    SELECT j.*,
           CASE WHEN j.verdict <> 'fits' THEN j.verdict
                WHEN j.n IN (SELECT claim.n FROM claim WHERE claim.claimed > claim.stock) THEN 'retry'
                ELSE 'new' END AS outcome
      FROM judged j
), made AS MATERIALIZED (
    SELECT d.*, moment.at,
           d.base_seq + row_number() OVER (PARTITION BY d.restaurant_id ORDER BY d.n) AS seq,
           lag(d.event_id, 1, d.base_event_id) OVER (PARTITION BY d.restaurant_id ORDER BY d.n)
               AS previous_event_id,
           row_to_json(ROW (d.order_id, d.restaurant_id, d.code, 'PENDING', 1, d.currency, d.total_amount,
                            d.items, NULL, moment.text, moment.text, NULL)::public_order)::text
               AS data
      FROM decided d CROSS JOIN moment
     WHERE d.outcome = 'new'
), numbered AS (
    UPDATE restaurant_streams stream
       SET seq = latest.seq, last_event_id = latest.event_id, updated_at = latest.at
      FROM (SELECT DISTINCT ON (restaurant_id) restaurant_id, seq, event_id, at
              FROM made ORDER BY restaurant_id, seq DESC) latest
     WHERE stream.restaurant_id = latest.restaurant_id
), sold AS (
    UPDATE menu_items item
       SET stock = item.stock - total.quantity
      FROM (SELECT made.restaurant_id, line.item_id, sum(line.quantity) AS quantity
              FROM made
             CROSS JOIN LATERAL unnest(made.item_ids, made.quantities, made.stocks)
                   AS line (item_id, quantity, stock)
             WHERE made.is_counted AND line.stock IS NOT NULL
             GROUP BY made.restaurant_id, line.item_id) total
     WHERE item.restaurant_id = total.restaurant_id AND item.id = total.item_id
), new_orders AS (
    INSERT INTO orders (id, restaurant_id, status, version, currency, total_amount, changed_by,
                        last_event_id, customer_id, customer_name, customer_phone, customer_address, note,
                        line_notes, data_key, phone_index, created_at, updated_at, accept_at)
    SELECT order_id, restaurant_id, 'PENDING', 1, currency, total_amount, actor_role,
           event_id, CASE actor_role WHEN 'customer' THEN actor_id END, customer_name, customer_phone,
           customer_address, note, line_notes, data_key, phone_index, at, at, at + make_interval(secs => auto_accept_after_s)
      FROM made
), new_items AS (
    INSERT INTO order_items (restaurant_id, order_id, line, item_id, name, quantity, unit_amount, counted)
    SELECT made.restaurant_id, made.order_id, line.n, line.item_id, line.name, line.quantity, line.unit_amount, true
      FROM made
     CROSS JOIN LATERAL unnest(made.item_ids, made.names, made.quantities, made.unit_amounts, made.stocks)
           WITH ORDINALITY AS line (item_id, name, quantity, unit_amount, stock, n)
     WHERE made.is_counted AND line.stock IS NOT NULL -- the others have nothing to give back; all are in the event
), new_events AS (
    INSERT INTO order_events (restaurant_id, seq, order_id, order_version, id, type, time, traceparent, data)
    SELECT restaurant_id, seq, order_id, 1, event_id, 'order.created', at, traceparent, data
      FROM made
), new_records AS (
    INSERT INTO idempotency (restaurant_id, key_hash, body_hash, order_id, order_version, created_at)
    SELECT restaurant_id, key_hash, body_hash, order_id, 1, at
      FROM made
     WHERE key_hash IS NOT NULL
), new_audit AS MATERIALIZED (
    SELECT record_audits(array_agg(ROW (audit_id, at, restaurant_id, actor_role, actor_id, session_id, address,
                                        'order.created', order_id, substr(traceparent, 4, 32), NULL,
                                        NULL)::audit_entry))
      FROM made
)
SELECT n, 'ok' AS outcome, NULL::uuid AS item_id, order_id, seq, 1::bigint AS version, event_id,
       (extract(epoch FROM at) * 1000)::bigint AS time_ms, data,
       NULL::text AS changed_by, NULL::text AS changed_at, previous_event_id, NULL::bigint AS line, NULL::uuid AS culprit
  FROM made CROSS JOIN new_audit -- or else it would not be run
UNION ALL
SELECT n, outcome, coalesce(unknown_item, unavailable_item, item_ids[bad_line], short_item), done_order, done_seq, done_version,
       done_event, (extract(epoch FROM done_time) * 1000)::bigint, done_data, NULL,
       CASE outcome WHEN 'restaurant_closed'
            THEN (SELECT utc_text(next_opening(closed.open_times, greatest(now(), closed.paused_until)))
                    FROM restaurants closed WHERE closed.id = decided.restaurant_id AND closed.accepting) END, NULL,
       bad_line, (bad_terms).culprit
  FROM decided
 WHERE outcome <> 'new'
 ORDER BY 1;
