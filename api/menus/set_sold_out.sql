-- api/menus/set_sold_out.sql: items and options that are sold out, or there again. $1 uuid: restaurant; $2 and $3 uuid[]:
-- items and options; $4 boolean: sold out; $5 timestamptz: until then, null is until somebody says otherwise.
-- A row for each that there is: its id.
WITH items AS (
    UPDATE menu_items SET available = NOT $4::boolean, sold_out_until = $5::timestamptz, version = version + 1
     WHERE restaurant_id = $1::uuid AND id = ANY ($2::uuid[])
    RETURNING id
), options AS (
    UPDATE item_options SET available = NOT $4::boolean, sold_out_until = $5::timestamptz, version = version + 1
     WHERE restaurant_id = $1::uuid AND id = ANY ($3::uuid[])
    RETURNING id
)
SELECT id FROM items UNION ALL SELECT id FROM options;
