-- api/menus/count_menu.sql: how many things of all kinds a restaurant's menu has. $1 uuid: restaurant. One row.
SELECT (SELECT count(*) FROM menus WHERE restaurant_id = $1::uuid)
     + (SELECT count(*) FROM menu_items WHERE restaurant_id = $1::uuid)
     + (SELECT count(*) FROM option_groups WHERE restaurant_id = $1::uuid)
     + (SELECT count(*) FROM item_options WHERE restaurant_id = $1::uuid)
     + (SELECT count(*) FROM price_rules WHERE restaurant_id = $1::uuid);
