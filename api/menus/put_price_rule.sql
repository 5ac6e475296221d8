-- api/menus/put_price_rule.sql: writes a price rule. $1 uuid: restaurant; $2 uuid: rule; $3 json: its fields.
-- One row: the new version; none: there is no such item or category.
INSERT INTO price_rules AS old (id, restaurant_id, name, item_id, category_id, weekdays, starts, ends, percent, amount,
                                priority, active)
SELECT $2::uuid, $1::uuid, new.name, new.item_id, new.category_id, new.weekdays, new.starts, new.ends, new.percent,
       new.amount, coalesce(new.priority, 0), coalesce(new.active, true)
  FROM json_to_record($3::json)
       AS new (name text, item_id uuid, category_id uuid, weekdays integer[], starts time, ends time, percent integer,
               amount bigint, priority integer, active boolean)
  LEFT JOIN menu_items item ON item.restaurant_id = $1::uuid AND item.id = new.item_id
  LEFT JOIN menus category ON category.restaurant_id = $1::uuid AND category.id = new.category_id
 WHERE (new.item_id IS NULL OR item.id IS NOT NULL) AND (new.category_id IS NULL OR category.id IS NOT NULL)
    ON CONFLICT (restaurant_id, id) DO UPDATE
   SET name = excluded.name, item_id = excluded.item_id, category_id = excluded.category_id, weekdays = excluded.weekdays,
       starts = excluded.starts, ends = excluded.ends, percent = excluded.percent, amount = excluded.amount,
       priority = excluded.priority, active = excluded.active, version = old.version + 1
RETURNING version;
