-- api/db/enter_scope.sql: in whose name the statements behind it run, until the transaction ends.
-- $1 uuid[]: the restaurants whose rows may be seen; $2 uuid: the user whose own rows may be; $3 text: the actor's role;
-- $4 and $5 uuid: their id and session; $6 text: trace id; $7 text: the client's address;
-- $8 uuid: the one order that may be read whose ever it is. Null: none.
SELECT set_config('app.restaurants', coalesce(($1::uuid[])::text, ''), true),
       set_config('app.user_id', coalesce(($2::uuid)::text, ''), true),
       set_config('app.actor_role', coalesce($3::text, ''), true),
       set_config('app.actor_id', coalesce(($4::uuid)::text, ''), true),
       set_config('app.session_id', coalesce(($5::uuid)::text, ''), true),
       set_config('app.trace_id', coalesce($6::text, ''), true),
       set_config('app.address', coalesce($7::text, ''), true),
       set_config('app.order_id', coalesce(($8::uuid)::text, ''), true);
