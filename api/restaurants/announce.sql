-- api/restaurants/announce.sql: tells a restaurant's sockets that something about it has changed, in the transaction that changes it.
-- $1 uuid: restaurant; $2 text: the event's type; $3 text: traceparent. One row: the event's number.
SELECT emit_restaurant_event($1::uuid, $2, $1::uuid, public_restaurant($1::uuid), $3);
