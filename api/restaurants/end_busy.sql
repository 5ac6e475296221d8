-- api/restaurants/end_busy.sql: nothing takes longer any more. $1 uuid: restaurant.
UPDATE restaurants
   SET busy_until = NULL, busy_minutes = NULL, version = version + 1
 WHERE id = $1::uuid AND busy_until IS NOT NULL;
