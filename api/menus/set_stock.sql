-- api/menus/set_stock.sql: how many of an item there are. $1 uuid: restaurant; $2 uuid: item; $3 integer: stock, null is
-- not counted. One row: the new version; none: there is no such item.
UPDATE menu_items
   SET stock = $3::integer, low_stock_told = low_stock_told AND coalesce($3::integer <= low_stock, false),
       version = version + 1
 WHERE restaurant_id = $1::uuid AND id = $2::uuid
RETURNING version;
