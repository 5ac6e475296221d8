-- api/menus/delete_item.sql: removes an item with its options and price rules. $1 uuid: restaurant; $2 uuid: item.
-- One row: its last version. Orders keep what was sold.
DELETE FROM menu_items WHERE restaurant_id = $1::uuid AND id = $2::uuid RETURNING version;
