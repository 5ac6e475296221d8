-- api/restaurants/lock_restaurant.sql: the first statement of every transaction that changes a restaurant's own affairs.
-- $1 uuid: restaurant. Its version, or no row.
SELECT version FROM restaurants WHERE id = $1::uuid FOR NO KEY UPDATE;
