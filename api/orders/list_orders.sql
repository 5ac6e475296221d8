-- api/orders/list_orders.sql: a page of a restaurant's orders, newest first, and where its stream stands.
-- $1 uuid: restaurant; $2 text[]: statuses, null for all; $3 uuid: only orders before this one, or null;
-- $4 integer: at most so many. At least one row for a restaurant that exists (id and data are null when the
-- page is empty), none for another. One statement, so page and position are of one snapshot.
SELECT s.seq, s.last_event_id, page.id, page.data
  FROM restaurant_streams s
  LEFT JOIN LATERAL (
       SELECT o.id, e.data
         FROM orders o
         JOIN order_events e ON e.order_id = o.id AND e.order_version = o.version
        WHERE o.restaurant_id = s.restaurant_id
          AND ($2::text[] IS NULL OR o.status = ANY ($2::text[]))
          AND o.id < coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') -- an index condition
        ORDER BY o.id DESC
        LIMIT $4::integer
       ) page ON true
 WHERE s.restaurant_id = $1::uuid
 ORDER BY page.id DESC;
