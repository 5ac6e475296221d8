-- api/menus/find_option_group.sql: a group of options. $1 uuid: restaurant; $2 uuid: group. One row or none: its JSON,
-- its version.
SELECT row_to_json(thing)::text, version
  FROM (SELECT id, item_id, name, min_choices, max_choices, position, version
          FROM option_groups
         WHERE restaurant_id = $1::uuid AND id = $2::uuid) thing;
