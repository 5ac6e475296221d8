-- api/menus/emit_change.sql: the event of a change of the menu, in its transaction. $1 uuid: restaurant; $2 uuid: what has
-- changed (of several, the restaurant); $3 text: the event's data; $4 text: traceparent. One row: the event's number.
SELECT emit_restaurant_event($1::uuid, 'menu.updated', $2::uuid, $3::text, $4::text);
