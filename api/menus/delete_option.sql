-- api/menus/delete_option.sql: removes an option. $1 uuid: restaurant; $2 uuid: option. One row: its last version.
DELETE FROM item_options WHERE restaurant_id = $1::uuid AND id = $2::uuid RETURNING version;
