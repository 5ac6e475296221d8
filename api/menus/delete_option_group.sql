-- api/menus/delete_option_group.sql: removes a group with its options. $1 uuid: restaurant; $2 uuid: group.
-- One row: its last version.
DELETE FROM option_groups WHERE restaurant_id = $1::uuid AND id = $2::uuid RETURNING version;
