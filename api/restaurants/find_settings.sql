-- api/restaurants/find_settings.sql: what a restaurant has chosen, as the JSON of the reply. $1 uuid: restaurant. One row or none.
SELECT row_to_json(reply)::text
  FROM (SELECT id AS restaurant_id, offline_after_s, refuse_when_unreachable, display_within_s, accept_within_s,
               reject_after_s
          FROM restaurants
         WHERE id = $1::uuid) reply;
