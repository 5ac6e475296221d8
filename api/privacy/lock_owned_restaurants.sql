-- api/privacy/lock_owned_restaurants.sql: of the restaurants that a user owns no other owner is erased until the transaction
-- ends. $1 uuid: user. A row for each.
SELECT r.id FROM memberships m JOIN restaurants r ON r.id = m.restaurant_id
 WHERE m.user_id = $1::uuid AND EXISTS (SELECT FROM users u WHERE u.id = m.user_id AND u.role = 'owner')
 ORDER BY r.id -- the same order for all: no deadlock
   FOR NO KEY UPDATE OF r;
