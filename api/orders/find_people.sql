-- api/orders/find_people.sql: who of the restaurant's own people has done something with an order. $1 uuid: order; $2 uuid:
-- its restaurant. A row for each: user, and the encrypted name.
SELECT u.id, u.name
  FROM users u
  JOIN memberships m ON m.user_id = u.id AND m.restaurant_id = $2::uuid
 WHERE u.id IN (SELECT audit.actor_id FROM audit_logs audit WHERE audit.subject_id = $1::uuid)
 ORDER BY u.id;
