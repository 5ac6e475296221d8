-- api/menus/find_days.sql: the last days of a restaurant's clock, newest first. $1 uuid: restaurant; $2 integer: how many.
-- A row each, none for a restaurant that does not exist.
SELECT to_char((now() AT TIME ZONE r.time_zone) - make_interval(days => back), 'YYYYMMDD')
  FROM restaurants r CROSS JOIN generate_series(0, $2::integer - 1) AS back
 WHERE r.id = $1::uuid
 ORDER BY back;
