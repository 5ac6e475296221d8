-- api/restaurants/find_profile.sql: what a restaurant says about itself, as the JSON of the reply, its version, and its owners'
-- encrypted columns. $1 uuid: restaurant. One row or none.
SELECT row_to_json(reply)::text, reply.version, profile.phone, profile.address, profile.registration_number,
       profile.representative
  FROM (SELECT r.id AS restaurant_id, r.name, coalesce(p.description, '') AS description, r.currency, r.time_zone, r.version
          FROM restaurants r
          LEFT JOIN restaurant_profiles p ON p.restaurant_id = r.id
         WHERE r.id = $1::uuid) reply
  LEFT JOIN restaurant_profiles profile ON profile.restaurant_id = reply.restaurant_id;
