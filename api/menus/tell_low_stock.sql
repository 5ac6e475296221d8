-- api/menus/tell_low_stock.sql: tells restaurants, once, of what there is little of. Runs after lock_streams.sql, in its
-- transaction. $1 uuid[]: restaurants. A row for each event: restaurant, number.
WITH changed AS (
    UPDATE menu_items
       SET low_stock_told = NOT low_stock_told
     WHERE restaurant_id = ANY ($1::uuid[])
       AND low_stock_told <> coalesce(stock <= low_stock, false)
    RETURNING restaurant_id, id, name, stock, low_stock_told
)
SELECT restaurant_id,
       emit_restaurant_event(restaurant_id, 'menu.low_stock', id,
                             (SELECT row_to_json(data)::text
                                FROM (SELECT restaurant_id, id AS item_id, name, stock) data))
  FROM changed
 WHERE low_stock_told;
