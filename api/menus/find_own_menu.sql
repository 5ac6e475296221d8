-- api/menus/find_own_menu.sql: all of a menu as its owner has written it, as the JSON of the reply. $1 uuid: restaurant.
-- One row or none.
SELECT (SELECT row_to_json(reply)::text
          FROM (SELECT r.id AS restaurant_id, r.time_zone,
                       (SELECT coalesce(array_to_json(array_agg(row_to_json(part))), '[]')
                          FROM (SELECT id, name, description, position, version
                                  FROM menus WHERE restaurant_id = r.id ORDER BY position, id) part) AS categories,
                       (SELECT coalesce(array_to_json(array_agg(row_to_json(part))), '[]')
                          FROM (SELECT id, menu_id AS category_id, name, description, unit_amount, image_url,
                                       array_to_json(allergens) AS allergens, array_to_json(tags) AS tags, stock, low_stock,
                                       available, utc_text(sold_out_until) AS sold_out_until, position, version
                                  FROM menu_items WHERE restaurant_id = r.id ORDER BY position, id) part) AS items,
                       (SELECT coalesce(array_to_json(array_agg(row_to_json(part))), '[]')
                          FROM (SELECT id, item_id, name, min_choices, max_choices, position, version
                                  FROM option_groups WHERE restaurant_id = r.id ORDER BY position, id) part) AS option_groups,
                       (SELECT coalesce(array_to_json(array_agg(row_to_json(part))), '[]')
                          FROM (SELECT id, group_id, name, extra_amount, available,
                                       utc_text(sold_out_until) AS sold_out_until, position, version
                                  FROM item_options WHERE restaurant_id = r.id ORDER BY position, id) part) AS options,
                       (SELECT coalesce(array_to_json(array_agg(row_to_json(part))), '[]')
                          FROM (SELECT id, name, item_id, category_id, array_to_json(weekdays) AS weekdays,
                                       left(starts::text, 5) AS starts, left(ends::text, 5) AS ends, percent, amount,
                                       priority, active, version
                                  FROM price_rules WHERE restaurant_id = r.id ORDER BY priority DESC, id) part) AS price_rules
               ) reply)
  FROM restaurants r
 WHERE r.id = $1::uuid;
