-- api/escalation/find_ladder.sql: the steps that hold for a restaurant, its own or the common ones, in order.
-- $1 uuid: restaurant. A row per step, with whether it is of the restaurant's own; none for a restaurant that does
-- not exist (the common ladder has steps).
SELECT ladder.restaurant_id IS NOT NULL AS is_own, ladder.step, ladder.reason, ladder.after_s, ladder.action, ladder.target
  FROM restaurants restaurant
 CROSS JOIN LATERAL (
       SELECT own.* FROM escalation_steps own WHERE own.restaurant_id = restaurant.id
        UNION ALL
       SELECT common.* FROM escalation_steps common
        WHERE common.restaurant_id IS NULL
          AND NOT EXISTS (SELECT FROM escalation_steps own WHERE own.restaurant_id = restaurant.id)
       ) ladder
 WHERE restaurant.id = $1::uuid
 ORDER BY ladder.step;
