-- api/menus/find_option.sql: an option. $1 uuid: restaurant; $2 uuid: option. One row or none: its JSON, its version.
SELECT row_to_json(thing)::text, version
  FROM (SELECT id, group_id, name, extra_amount, available, utc_text(sold_out_until) AS sold_out_until, position, version
          FROM item_options
         WHERE restaurant_id = $1::uuid AND id = $2::uuid) thing;
