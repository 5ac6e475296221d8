-- api/menus/find_item.sql: an item. $1 uuid: restaurant; $2 uuid: item. One row or none: its JSON, its version.
SELECT row_to_json(thing)::text, version
  FROM (SELECT id, menu_id AS category_id, name, description, unit_amount, image_url, array_to_json(allergens) AS allergens,
               array_to_json(tags) AS tags, stock, low_stock, available, utc_text(sold_out_until) AS sold_out_until, position,
               version
          FROM menu_items
         WHERE restaurant_id = $1::uuid AND id = $2::uuid) thing;
