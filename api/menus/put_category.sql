-- api/menus/put_category.sql: writes a category. $1 uuid: restaurant; $2 uuid: category; $3 json: its fields.
-- One row: the new version.
INSERT INTO menus AS old (id, restaurant_id, name, description, position)
SELECT $2::uuid, $1::uuid, new.name, coalesce(new.description, ''), coalesce(new.position, 0)
  FROM json_to_record($3::json) AS new (name text, description text, position integer)
    ON CONFLICT (restaurant_id, id) DO UPDATE
   SET name = excluded.name, description = excluded.description, position = excluded.position, version = old.version + 1
RETURNING version;
