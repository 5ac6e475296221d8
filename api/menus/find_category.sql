-- api/menus/find_category.sql: a category. $1 uuid: restaurant; $2 uuid: category. One row or none: its JSON, its version.
SELECT row_to_json(thing)::text, version
  FROM (SELECT id, name, description, position, version
          FROM menus
         WHERE restaurant_id = $1::uuid AND id = $2::uuid) thing;
