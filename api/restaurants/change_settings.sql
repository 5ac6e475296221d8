-- api/restaurants/change_settings.sql: what a restaurant chooses. $1 uuid: restaurant; $2 json: an object of settings by the
-- names of their columns; those that it lacks stay.
UPDATE restaurants r
   SET (offline_after_s, refuse_when_unreachable, display_within_s, accept_within_s, reject_after_s, accepting,
        auto_accept_after_s, prep_minutes, version)
     = (SELECT chosen.offline_after_s, chosen.refuse_when_unreachable, chosen.display_within_s, chosen.accept_within_s,
               chosen.reject_after_s, chosen.accepting, chosen.auto_accept_after_s, chosen.prep_minutes, r.version + 1
          FROM json_populate_record(r, $2::json) chosen)
 WHERE id = $1::uuid;
