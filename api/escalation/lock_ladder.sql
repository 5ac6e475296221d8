-- api/escalation/lock_ladder.sql: until the transaction ends nobody else sets the ladder of this restaurant.
-- $1 uuid: restaurant. One row, or none for a restaurant that does not exist.
SELECT id FROM restaurants WHERE id = $1::uuid FOR NO KEY UPDATE;
