-- api/restaurants/find_time_zone.sql: a time zone. $1 text: its name in the IANA database, in any case.
-- Its usual spelling, or no row. The view reads every file of the database: not for the path of orders.
SELECT name FROM pg_timezone_names
 WHERE lower(name) = lower($1) AND name NOT LIKE 'posix%' AND name NOT IN ('Factory', 'localtime');
