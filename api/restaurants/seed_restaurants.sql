-- api/restaurants/seed_restaurants.sql: restaurants for demonstration and load, with one menu each. Doing it again changes nothing,
-- but fills counted stock up again.
-- $1 uuid[]: restaurants; $2 text[]: their names; for each of them the same items:
-- $3 text[]: item names; $4 bigint[]: unit amounts, KRW; $5 integer[]: stock, null is not counted.
-- Ids derive from the restaurant's, so that tests know them: the first four digits of the last group become
-- '2000' for the menu, and '1' with the number in three hex digits for an item.
-- Stock is changed without the stream's lock that order writers take, so seed before you let orders in.
WITH wanted AS (
    SELECT r.id, r.name FROM unnest($1::uuid[], $2::text[]) AS r (id, name)
), items AS (
    SELECT i.name, i.unit_amount, i.stock, i.n::integer
      FROM unnest($3::text[], $4::bigint[], $5::integer[]) WITH ORDINALITY AS i (name, unit_amount, stock, n)
), new_restaurants AS (
    INSERT INTO restaurants (id, name, currency)
    SELECT id, name, 'KRW' FROM wanted
    ON CONFLICT (id) DO NOTHING
), new_streams AS (
    INSERT INTO restaurant_streams (restaurant_id)
    SELECT id FROM wanted
    ON CONFLICT (restaurant_id) DO NOTHING
), new_menus AS (
    INSERT INTO menus (id, restaurant_id, name)
    SELECT overlay(id::text PLACING '2000' FROM 25 FOR 4)::uuid, id, 'Menu' FROM wanted
    ON CONFLICT (restaurant_id, id) DO NOTHING
)
INSERT INTO menu_items (id, restaurant_id, menu_id, name, unit_amount, stock, position)
SELECT overlay(w.id::text PLACING '1' || lpad(to_hex(i.n), 3, '0') FROM 25 FOR 4)::uuid, w.id,
       overlay(w.id::text PLACING '2000' FROM 25 FOR 4)::uuid, i.name, i.unit_amount, i.stock, i.n
  FROM wanted w CROSS JOIN items i
ON CONFLICT (restaurant_id, id) DO UPDATE
   SET stock = EXCLUDED.stock
 WHERE menu_items.stock IS DISTINCT FROM EXCLUDED.stock;
