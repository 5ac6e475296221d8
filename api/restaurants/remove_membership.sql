-- api/restaurants/remove_membership.sql: $1 uuid: restaurant; $2 uuid: who works there no more. A row if there was one.
DELETE FROM memberships WHERE restaurant_id = $1::uuid AND user_id = $2::uuid RETURNING user_id;
