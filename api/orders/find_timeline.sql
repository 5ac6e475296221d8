-- api/orders/find_timeline.sql: what has happened to an order, who did it, and whom it reached; ascending by time.
-- $1 uuid: order. One row or none: restaurant, and the JSON of the reply.
-- Steps of escalation are told by their own record, which knows how they ended; so order.alerted is left out.
WITH entry AS (
    SELECT e.time AS at, 1 AS rank,
           json_build_object('at', utc_text(e.time), 'kind', 'event', 'type', e.type,
                             'version', e.order_version, 'by', audit.actor_role, 'user_id', audit.actor_id,
                             'device', e.device) AS line
      FROM order_events e
      LEFT JOIN audit_logs audit ON audit.subject_id = e.order_id AND audit.at = e.time AND audit.action = e.type
     WHERE e.order_id = $1::uuid AND e.order_version IS NOT NULL
    UNION ALL
    SELECT r.received_at, 2,
           json_build_object('at', utc_text(r.received_at), 'kind', 'received', 'device', r.device)
      FROM order_receipts r
     WHERE r.order_id = $1::uuid
    UNION ALL
    SELECT r.displayed_at, 3,
           json_build_object('at', utc_text(r.displayed_at), 'kind', 'displayed', 'device', r.device)
      FROM order_receipts r
     WHERE r.order_id = $1::uuid AND r.displayed_at IS NOT NULL
    UNION ALL
    SELECT a.at, 4,
           json_build_object('at', utc_text(a.at), 'kind', 'escalation', 'step', a.step, 'reason', a.reason,
                             'action', a.action, 'waiting_ms', a.waiting_ms, 'outcome', a.outcome,
                             'detail', a.detail, 'finished_at', utc_text(a.finished_at))
      FROM order_alerts a
     WHERE a.order_id = $1::uuid
)
SELECT o.restaurant_id,
       json_build_object('order_id', o.id, 'restaurant_id', o.restaurant_id, 'status', o.status,
                         'entries', (SELECT array_to_json(array_agg(line ORDER BY at, rank)) FROM entry))::text
  FROM orders o
 WHERE o.id = $1::uuid;
