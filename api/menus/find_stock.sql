-- api/menus/find_stock.sql: what there is of the items that are counted. $1 uuid: restaurant. A row each, by id: item, stock.
SELECT id, stock FROM menu_items WHERE restaurant_id = $1::uuid AND stock IS NOT NULL ORDER BY id;
