-- api/menus/delete_category.sql: removes a category that has no items. $1 uuid: restaurant; $2 uuid: category.
-- One row: its last version; none: it has items.
DELETE FROM menus category
 WHERE restaurant_id = $1::uuid AND id = $2::uuid
   AND NOT EXISTS (SELECT FROM menu_items item WHERE item.restaurant_id = $1::uuid AND item.menu_id = category.id)
RETURNING version;
