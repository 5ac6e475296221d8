-- api/menus/put_option.sql: writes an option. $1 uuid: restaurant; $2 uuid: option; $3 json: its fields.
-- One row: the new version; none: there is no such group.
INSERT INTO item_options AS old (id, restaurant_id, group_id, name, extra_amount, available, sold_out_until, position)
SELECT $2::uuid, $1::uuid, option_group.id, new.name, coalesce(new.extra_amount, 0), coalesce(new.available, true),
       CASE WHEN NOT new.available THEN new.sold_out_until END, coalesce(new.position, 0)
  FROM json_to_record($3::json) AS new (group_id uuid, name text, extra_amount bigint, available boolean,
                                        sold_out_until timestamptz, position integer)
  JOIN option_groups option_group ON option_group.restaurant_id = $1::uuid AND option_group.id = new.group_id
    ON CONFLICT (restaurant_id, id) DO UPDATE
   SET group_id = excluded.group_id, name = excluded.name, extra_amount = excluded.extra_amount,
       available = excluded.available, sold_out_until = excluded.sold_out_until, position = excluded.position,
       version = old.version + 1
RETURNING version;
