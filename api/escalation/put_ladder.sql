-- api/escalation/put_ladder.sql: gives a restaurant steps of its own; none: back to the common ones.
-- Runs after lock_ladder.sql, in its transaction: what it removes is what it saw when it began.
-- $1 uuid: restaurant; $2 json: array of objects of reason, after_s, action and target, in order. One row, or none for a
-- restaurant that does not exist.
WITH restaurant AS MATERIALIZED (
    SELECT id FROM restaurants WHERE id = $1::uuid
), removed AS (
    DELETE FROM escalation_steps
     WHERE restaurant_id = $1::uuid AND step > json_array_length($2::json)
), stored AS (
    INSERT INTO escalation_steps (restaurant_id, step, reason, after_s, action, target)
    SELECT restaurant.id, ladder.step, ladder.reason, ladder.after_s, ladder.action, ladder.target
      FROM restaurant
     CROSS JOIN ROWS FROM (json_to_recordset($2::json)
                           AS (reason text, after_s integer, action text, target text)) WITH ORDINALITY
           AS ladder (reason, after_s, action, target, step)
        ON CONFLICT (restaurant_id, step) DO UPDATE
       SET reason = excluded.reason, after_s = excluded.after_s, action = excluded.action, target = excluded.target
)
SELECT id FROM restaurant;
