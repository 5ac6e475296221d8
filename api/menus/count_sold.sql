-- api/menus/count_sold.sql: what was ordered in a run of a restaurant's events. $1 uuid: restaurant; $2 and $3 bigint: behind
-- this event, up to that one. A row for each day (of the restaurant's clock) and item, by day: day, item, quantity.
SELECT to_char(e.time AT TIME ZONE r.time_zone, 'YYYYMMDD') AS day, line ->> 'item_id' AS item,
       sum((line ->> 'quantity')::integer) AS quantity
  FROM restaurants r
  JOIN order_events e ON e.restaurant_id = r.id AND e.seq > $2::bigint AND e.seq <= $3::bigint AND e.type = 'order.created'
 CROSS JOIN LATERAL json_array_elements(e.data::json -> 'items') AS line
 WHERE r.id = $1::uuid
 GROUP BY 1, 2
 ORDER BY 1;
