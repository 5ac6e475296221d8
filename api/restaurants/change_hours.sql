-- api/restaurants/change_hours.sql: when a restaurant is open. $1 uuid: restaurant; $2 text: time zone; $3 json: weekly, null: it
-- has no hours; $4 json: exceptions. Runs after lock_restaurant.sql, in its transaction.
WITH removed AS (
    DELETE FROM opening_hours WHERE restaurant_id = $1::uuid AND $3::json IS NULL
), stored AS (
    INSERT INTO opening_hours (restaurant_id, weekly, exceptions, planned_at)
    SELECT $1::uuid, $3::json, $4::json, now() WHERE $3::json IS NOT NULL
        ON CONFLICT (restaurant_id) DO UPDATE
       SET weekly = excluded.weekly, exceptions = excluded.exceptions, planned_at = excluded.planned_at
)
UPDATE restaurants
   SET time_zone = $2,
       open_times = CASE WHEN $3::json IS NOT NULL THEN planned_times($3::json, $4::json, $2) END,
       version = version + 1
 WHERE id = $1::uuid;
