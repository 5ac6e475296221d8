-- A history of orders, for a database that `ordersync-api migrate` and `ordersync-api seed --restaurants N` have
-- prepared. Run by psql, in any number of sessions at once, with:
--   restaurants   N: how many there are; they take turns, so that the rows of one lie scattered, as in life
--   turns         how many orders each of them gets in the end
--   first, last   which orders to write now: numbers from 0 to restaurants * turns - 1, each once
-- and then settle_streams.sql. An order every five seconds. The last ten of each restaurant are open (none is PENDING:
-- the watchdog would reject those), the others are completed. Each has one event, which tells its present state.
WITH numbered AS (
    SELECT n, n / :restaurants AS turn, md5(n::text) AS hash,
           timestamptz '2025-01-01 00:00Z' + n * interval '5 seconds' AS at,
           ('01890000-0000-7000-8000-' || lpad(to_hex(65536 + n % :restaurants), 12, '0'))::uuid AS restaurant_id
      FROM generate_series(:first::bigint, :last::bigint) AS n
), placed AS MATERIALIZED (
    SELECT numbered.*, reverse(hash)::uuid AS event_id,
           (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || left(hash, 3) || '8'
            || right(hash, 15))::uuid AS id,
           CASE WHEN turn < :turns - 10 THEN 'COMPLETED'
                ELSE (ARRAY['ACCEPTED', 'PREPARING', 'READY'])[1 + turn % 3] END AS status
      FROM numbered
), written AS (
    INSERT INTO orders (id, restaurant_id, status, version, currency, total_amount, changed_by, last_event_id,
                        customer_name, customer_phone, customer_address, created_at, updated_at)
    SELECT id, restaurant_id, status, 1, 'KRW', 27000, 'guest', event_id, decode(repeat(hash, 2), 'hex'),
           decode(repeat(hash, 2), 'hex'), decode(repeat(hash, 4), 'hex'), at, at
      FROM placed
)
INSERT INTO order_events (restaurant_id, seq, order_id, order_version, id, type, time, data)
SELECT restaurant_id, turn + 1, id, 1, event_id, 'order.created', at,
       row_to_json(ROW (id, restaurant_id, upper(left(hash, 5)), status, 1, 'KRW', 27000,
                        '[{"item_id":"01890000-0000-7000-8000-000000001001","name":"비빔밥 Bibimbap","quantity":2,"unit_amount":9000},{"item_id":"01890000-0000-7000-8000-000000001002","name":"김밥 Gimbap","quantity":2,"unit_amount":4500}]'::json,
                        NULL, utc_text(at), utc_text(at), NULL)::public_order)::text
  FROM placed;
