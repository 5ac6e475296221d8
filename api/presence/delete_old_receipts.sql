-- api/presence/delete_old_receipts.sql: forgets the receipts of old orders, a bounded number at a time.
-- $1 integer: of orders older than so many days; $2 integer: at most so many rows.
-- An order that is still watched keeps them: it would count as never shown.
-- An order's id is a UUIDv7: it begins with the order's time, so the oldest come first in the index.
WITH oldest AS MATERIALIZED (
    SELECT (lpad(to_hex((extract(epoch FROM now() - make_interval(days => $1::integer)) * 1000)::bigint), 12, '0')
            || '70008000000000000000')::uuid AS kept_order_id
)
DELETE FROM receipts
 WHERE ctid IN (SELECT ctid FROM receipts old
                 WHERE order_id < (SELECT kept_order_id FROM oldest)
                   AND NOT EXISTS (SELECT FROM order_watches watch WHERE watch.order_id = old.order_id)
                 ORDER BY order_id
                 LIMIT $2::integer
                 FOR UPDATE SKIP LOCKED);
