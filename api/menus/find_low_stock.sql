-- api/menus/find_low_stock.sql: restaurants whose people have not been told of what there is little of, or of which there
-- is enough again. $1 uuid[]: restaurants to look at. A row each.
SELECT DISTINCT restaurant_id
  FROM menu_items
 WHERE restaurant_id = ANY ($1::uuid[])
   AND low_stock_told <> coalesce(stock <= low_stock, false);
