-- api/restaurants/put_settings.sql: what a restaurant chooses. $1 uuid: restaurant; $2 integer: offline_after_s;
-- $3 boolean: refuse_when_unreachable; $4 and $5 integer: display_within_s, accept_within_s; $6 integer: reject_after_s, null is
-- never. One row, or none for a restaurant that does not exist.
WITH changed AS (
    UPDATE restaurants
       SET offline_after_s = $2::integer, refuse_when_unreachable = $3::boolean, display_within_s = $4::integer,
           accept_within_s = $5::integer, reject_after_s = $6::integer, version = version + 1
     WHERE id = $1::uuid
    RETURNING id
)
SELECT record_audit('settings.set', id, id, NULL, NULL) FROM changed;
