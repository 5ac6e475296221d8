-- api/restaurants/plan_openings.sql: brings the open_times of restaurants up to date whose plan is older than a day: it grows at
-- its end, and follows a new edition of the time zone database. At most 100 of them; a row for each.
-- Who is being changed at this moment is planned by that change, or next time: nobody waits here.
WITH stale AS MATERIALIZED (
    SELECT hours.restaurant_id, hours.weekly, hours.exceptions
      FROM opening_hours hours
      JOIN restaurants r ON r.id = hours.restaurant_id
     WHERE hours.planned_at < now() - interval '1 day'
     ORDER BY hours.planned_at
     LIMIT 100
       FOR NO KEY UPDATE OF r, hours SKIP LOCKED
), planned AS (
    UPDATE opening_hours hours SET planned_at = now() FROM stale WHERE hours.restaurant_id = stale.restaurant_id
)
UPDATE restaurants r
   SET open_times = planned_times(stale.weekly, stale.exceptions, r.time_zone)
  FROM stale
 WHERE r.id = stale.restaurant_id
RETURNING r.id;
