-- api/escalation/finish_message.sql: writes down how a try to send a message has ended.
-- $1 uuid: order; $2 integer: step; $3 integer: the try; $4 text: done, skipped or failed, or waiting for another try;
-- $5 text: detail; $6 bigint: ms until the next try. No row changes when a later try is under way already.
UPDATE order_alerts
   SET outcome = $4, detail = $5,
       next_at = CASE WHEN $4 = 'waiting' THEN now() + make_interval(secs => $6::bigint / 1000.0) END,
       finished_at = CASE WHEN $4 <> 'waiting' THEN now() END
 WHERE order_id = $1::uuid AND step = $2::integer AND attempts = $3::integer AND outcome = 'waiting';
