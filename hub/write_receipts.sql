-- What devices have acknowledged. One element per ack:
-- $1 restaurant uuid[]; $2 device text[]; $3 boolean[]: displayed, else received; $4 boolean[]: the first of its socket;
-- $5 and $6 bigint[]: behind which event, and up to which; $7 uuid[]: the latter's id; $8 bigint[]: how long ago, ms.
-- An ack whose event does not exist under that id has no effect. One row: how many acks did prove themselves.
-- An ack covers the orders created in its range. Acks before a socket's first one may have been lost with the socket
-- before, and a tablet that has just loaded its orders shows them all, so that one covers the restaurant's newest open
-- orders, too; no more than 100 of them, because ten thousand tablets may come back at once. Of each order and device
-- the first time is kept.
-- What is known already is left out beforehand: ON CONFLICT would lock, and so write, its row to find that out.
WITH ack AS MATERIALIZED (
    SELECT told.restaurant_id, told.device, told.is_displayed, told.is_first, told.after, told.upto,
           now() - told.age_ms * interval '1 millisecond' AS at
      FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::boolean[], $5::bigint[], $6::bigint[], $7::uuid[],
                  $8::bigint[])
           AS told (restaurant_id, device, is_displayed, is_first, after, upto, event_id, age_ms)
      JOIN order_events proof
        ON proof.restaurant_id = told.restaurant_id AND proof.seq = told.upto AND proof.id = told.event_id
), covered AS (
    SELECT ack.restaurant_id, created.order_id, ack.device, ack.is_displayed, greatest(ack.at, created.time) AS at
      FROM ack
      JOIN order_events created
        ON created.restaurant_id = ack.restaurant_id AND created.seq > ack.after AND created.seq <= ack.upto
     WHERE created.type = 'order.created'
       AND NOT EXISTS (SELECT 1 FROM order_receipts known
                        WHERE known.order_id = created.order_id AND known.device = ack.device
                          AND (known.displayed_at IS NOT NULL OR NOT ack.is_displayed))
    UNION ALL
    SELECT ack.restaurant_id, o.id, ack.device, ack.is_displayed, greatest(ack.at, created.time)
      FROM ack
     CROSS JOIN LATERAL (
           SELECT id FROM orders
            WHERE restaurant_id = ack.restaurant_id AND status IN ('PENDING', 'ACCEPTED', 'PREPARING', 'READY')
            ORDER BY id DESC
            LIMIT 100
           ) o
      JOIN order_events created
        ON created.order_id = o.id AND created.order_version = 1 AND created.seq <= ack.upto
     WHERE ack.is_first
       AND NOT EXISTS (SELECT 1 FROM order_receipts known
                        WHERE known.order_id = o.id AND known.device = ack.device
                          AND (known.displayed_at IS NOT NULL OR NOT ack.is_displayed))
), written AS (
    INSERT INTO order_receipts AS known (restaurant_id, order_id, device, received_at, displayed_at)
    SELECT restaurant_id, order_id, device, min(at), min(at) FILTER (WHERE is_displayed)
      FROM covered
     GROUP BY restaurant_id, order_id, device
     ORDER BY order_id, device
    ON CONFLICT (order_id, device) DO UPDATE
       SET displayed_at = EXCLUDED.displayed_at
     WHERE known.displayed_at IS NULL AND EXCLUDED.displayed_at IS NOT NULL
)
SELECT count(*) FROM ack;
