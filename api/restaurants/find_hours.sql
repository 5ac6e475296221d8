-- api/restaurants/find_hours.sql: a restaurant's opening hours, as the JSON of the reply, and its version.
-- $1 uuid: restaurant. One row or none.
SELECT row_to_json(reply)::text, reply.version
  FROM (SELECT r.id AS restaurant_id, r.time_zone, hours.weekly, coalesce(hours.exceptions, '[]') AS exceptions, r.version
          FROM restaurants r
          LEFT JOIN opening_hours hours ON hours.restaurant_id = r.id
         WHERE r.id = $1::uuid) reply;
