-- api/menus/delete_price_rule.sql: removes a price rule. $1 uuid: restaurant; $2 uuid: rule. One row: its last version.
DELETE FROM price_rules WHERE restaurant_id = $1::uuid AND id = $2::uuid RETURNING version;
