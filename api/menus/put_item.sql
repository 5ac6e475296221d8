-- api/menus/put_item.sql: writes an item. $1 uuid: restaurant; $2 uuid: item; $3 json: its fields.
-- One row: the new version; none: there is no such category.
INSERT INTO menu_items AS old (id, restaurant_id, menu_id, name, description, unit_amount, image_url, allergens, tags, stock,
                               low_stock, available, sold_out_until, position)
SELECT $2::uuid, $1::uuid, category.id, new.name, coalesce(new.description, ''), new.unit_amount, new.image_url,
       coalesce(new.allergens, '{}'), coalesce(new.tags, '{}'), new.stock, new.low_stock, coalesce(new.available, true),
       CASE WHEN NOT new.available THEN new.sold_out_until END, coalesce(new.position, 0)
  FROM json_to_record($3::json)
       AS new (category_id uuid, name text, description text, unit_amount bigint, image_url text, allergens text[],
               tags text[], stock integer, low_stock integer, available boolean, sold_out_until timestamptz, position integer)
  JOIN menus category ON category.restaurant_id = $1::uuid AND category.id = new.category_id
    ON CONFLICT (restaurant_id, id) DO UPDATE
   SET menu_id = excluded.menu_id, name = excluded.name, description = excluded.description,
       unit_amount = excluded.unit_amount, image_url = excluded.image_url, allergens = excluded.allergens,
       tags = excluded.tags, stock = excluded.stock, low_stock = excluded.low_stock, available = excluded.available,
       sold_out_until = excluded.sold_out_until, position = excluded.position,
       low_stock_told = old.low_stock_told AND coalesce(excluded.stock <= excluded.low_stock, false), -- else the next time is news again
       version = old.version + 1
RETURNING version;
