-- The steps that an order which is still PENDING has before it: those of its restaurant's ladder that were not
-- taken and may still have to be, with their times. Two statements ask for them: the one that only looks at a timer,
-- and the one that holds the lock of the restaurant's stream and takes what is due.
CREATE VIEW order_steps_ahead AS
SELECT o.id AS order_id, ladder.step, ladder.reason, ladder.action, ladder.target,
       o.created_at + make_interval(secs => coalesce(ladder.after_s,
           CASE ladder.reason WHEN 'not_displayed' THEN restaurant.display_within_s
                              ELSE restaurant.accept_within_s END)) AS due_at
  FROM orders o
  JOIN restaurants restaurant ON restaurant.id = o.restaurant_id
 CROSS JOIN LATERAL (
       SELECT own.* FROM escalation_steps own WHERE own.restaurant_id = o.restaurant_id
        UNION ALL
       SELECT common.* FROM escalation_steps common
        WHERE common.restaurant_id IS NULL
          AND NOT EXISTS (SELECT FROM escalation_steps own WHERE own.restaurant_id = o.restaurant_id)
       ) ladder
 WHERE o.status = 'PENDING'
   AND NOT (ladder.reason = 'not_displayed'
            AND EXISTS (SELECT FROM order_receipts receipt
                         WHERE receipt.order_id = o.id AND receipt.displayed_at IS NOT NULL))
   AND NOT EXISTS (SELECT FROM order_alerts taken WHERE taken.order_id = o.id AND taken.step = ladder.step);
