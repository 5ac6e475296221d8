-- api/menus/put_option_group.sql: writes a group of options. $1 uuid: restaurant; $2 uuid: group; $3 json: its fields.
-- One row: the new version; none: there is no such item.
INSERT INTO option_groups AS old (id, restaurant_id, item_id, name, min_choices, max_choices, position)
SELECT $2::uuid, $1::uuid, item.id, new.name, new.min_choices, new.max_choices, coalesce(new.position, 0)
  FROM json_to_record($3::json) AS new (item_id uuid, name text, min_choices integer, max_choices integer, position integer)
  JOIN menu_items item ON item.restaurant_id = $1::uuid AND item.id = new.item_id
    ON CONFLICT (restaurant_id, id) DO UPDATE
   SET item_id = excluded.item_id, name = excluded.name, min_choices = excluded.min_choices,
       max_choices = excluded.max_choices, position = excluded.position, version = old.version + 1
RETURNING version;
