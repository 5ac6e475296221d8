-- api/auth/insert_restaurant.sql: a restaurant that signs up. $1 uuid: its id; $2 text: name; $3 text: currency; $4 text: time zone, in its usual spelling.
-- One row, or none: there is no such time zone, as restaurants/find_time_zone.sql has them.
WITH made AS (
    INSERT INTO restaurants (id, name, currency, time_zone)
    SELECT $1::uuid, $2, $3, name FROM pg_timezone_names
     WHERE name = $4 AND name NOT LIKE 'posix%' AND name NOT IN ('Factory', 'localtime')
    RETURNING id
), streams AS (
    INSERT INTO restaurant_streams (restaurant_id) SELECT id FROM made
), menus AS (
    INSERT INTO menus (id, restaurant_id, name) SELECT gen_random_uuid(), id, 'Menu' FROM made
)
SELECT id FROM made;
