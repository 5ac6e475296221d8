-- api/restaurants/find_public.sql: a restaurant as everybody may see it, as the JSON of the reply, and its version.
-- $1 uuid: restaurant. One row or none.
SELECT public_restaurant(id), version FROM restaurants WHERE id = $1::uuid;
