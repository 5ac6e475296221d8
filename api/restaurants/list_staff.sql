-- api/restaurants/list_staff.sql: who works in a restaurant. $1 uuid: restaurant. A row for each, those first who came first: user,
-- since when.
SELECT user_id, utc_text(created_at) FROM memberships WHERE restaurant_id = $1::uuid ORDER BY created_at, user_id LIMIT 200;
