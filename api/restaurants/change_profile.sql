-- api/restaurants/change_profile.sql: what a restaurant says about itself. $1 uuid: restaurant; $2 json: an object of columns, those
-- that it lacks stay; of encrypted ones the bytes, as text.
WITH stored AS (
    INSERT INTO restaurant_profiles AS profile (restaurant_id, description, phone, address, registration_number,
                                                representative)
    SELECT $1::uuid, coalesce(given.description, ''), given.phone, given.address, given.registration_number,
           given.representative
      FROM json_populate_record(NULL::restaurant_profiles, $2::json) given
        ON CONFLICT (restaurant_id) DO UPDATE
       SET (description, phone, address, registration_number, representative)
         = (SELECT given.description, given.phone, given.address, given.registration_number, given.representative
              FROM json_populate_record(profile, $2::json) given)
)
UPDATE restaurants
   SET name = coalesce($2::json ->> 'name', name), version = version + 1
 WHERE id = $1::uuid;
