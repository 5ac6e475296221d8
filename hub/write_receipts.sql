-- What devices have acknowledged. One element per ack:
-- $1 restaurant uuid[]; $2 device text[]; $3 boolean[]: displayed, else received; $4 boolean[]: the first of its socket;
-- $5 and $6 bigint[]: behind which event, and up to which; $7 uuid[]: the latter's id; $8 bigint[]: how long ago, ms.
-- At most one ack for each device and state. One whose event does not exist under that id has no effect. One row: how
-- many acks did prove themselves.
-- An ack covers the orders created in its range. Acks before a socket's first one may have been lost with the socket
-- before, and a tablet that has just loaded its orders shows them all, so that one covers the restaurant's newest open
-- orders, too, up to the ack; no more than 100 of them, because ten thousand tablets may come back at once. It may lie
-- before $5, where its socket resumed: a tablet in the dark has received more than it has shown. Of each order and
-- device the first time is kept: what is known already is left out, or, if two hubs write it at once, is there twice.
-- A restaurant's devices acknowledge the same events within moments. So acks become a set per range first, and all else
-- is done once for each set.
WITH told AS MATERIALIZED (
    SELECT restaurant_id, is_displayed, is_first, after, upto, event_id, array_agg(device) AS devices,
           array_agg(now() - age_ms * interval '1 millisecond') AS at
      FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::boolean[], $5::bigint[], $6::bigint[], $7::uuid[],
                  $8::bigint[])
           AS ack (restaurant_id, device, is_displayed, is_first, after, upto, event_id, age_ms)
     GROUP BY restaurant_id, is_displayed, is_first, after, upto, event_id
), proven AS MATERIALIZED (
    SELECT told.*
      FROM told
      JOIN order_events proof
        ON proof.restaurant_id = told.restaurant_id AND proof.seq = told.upto AND proof.id = told.event_id
), covered AS (
    SELECT proven.restaurant_id, proven.is_displayed, proven.devices, proven.at, created.order_id, created.time
      FROM proven
      JOIN order_events created
        ON created.restaurant_id = proven.restaurant_id AND created.seq > proven.after AND created.seq <= proven.upto
     WHERE created.type = 'order.created'
    UNION ALL
    SELECT proven.restaurant_id, proven.is_displayed, proven.devices, proven.at, created.order_id, created.time
      FROM proven
     CROSS JOIN LATERAL (
           SELECT id FROM orders
            WHERE restaurant_id = proven.restaurant_id AND status IN ('PENDING', 'ACCEPTED', 'PREPARING', 'READY')
            ORDER BY id DESC
            LIMIT 100
           ) o
      JOIN order_events created
        ON created.order_id = o.id AND created.order_version = 1 AND created.seq <= least(proven.after, proven.upto)
     WHERE proven.is_first
), written AS (
    INSERT INTO receipts (restaurant_id, order_id, is_displayed, devices, at)
    SELECT covered.restaurant_id, covered.order_id, covered.is_displayed, array_agg(ack.device),
           array_agg(greatest(ack.at, covered.time))
      FROM covered
     CROSS JOIN LATERAL (
           SELECT array_agg(device) AS devices
             FROM receipts CROSS JOIN LATERAL unnest(receipts.devices) AS device
            WHERE receipts.order_id = covered.order_id AND (receipts.is_displayed OR NOT covered.is_displayed)
           ) known
     CROSS JOIN LATERAL unnest(covered.devices, covered.at) AS ack (device, at)
     WHERE known.devices IS NULL OR ack.device <> ALL (known.devices)
     GROUP BY covered.restaurant_id, covered.order_id, covered.is_displayed
)
SELECT coalesce(sum(cardinality(devices)), 0) FROM proven;
