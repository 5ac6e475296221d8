-- api/restaurants/find_settings.sql: what a restaurant has chosen, as the JSON of the reply, and its version.
-- $1 uuid: restaurant. One row or none.
SELECT row_to_json(reply)::text, reply.version
  FROM (SELECT id AS restaurant_id, offline_after_s, refuse_when_unreachable, display_within_s, accept_within_s,
               reject_after_s, accepting, auto_accept_after_s, prep_minutes, version
          FROM restaurants
         WHERE id = $1::uuid) reply;
