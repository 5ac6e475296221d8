-- api/restaurants/resume.sql: takes orders again. $1 uuid: restaurant.
UPDATE restaurants
   SET paused_until = NULL, pause_reason = NULL, version = version + 1
 WHERE id = $1::uuid AND paused_until IS NOT NULL;
