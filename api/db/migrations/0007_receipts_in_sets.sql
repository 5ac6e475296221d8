-- Receipts in sets: a row holds what a hub has heard about an order since its last batch, however many devices it was,
-- where there was a row per device. Of an order with ten tablets that is two to four rows instead of ten that were each
-- written twice. Hubs only ever add rows; of a device the first time counts, and is found by whoever reads.
-- order_receipts is still what readers ask, a row per order and device. A hub of the version before cannot write into
-- it: it keeps what its devices acknowledge until it is replaced, and their first acks on a new hub say it again.
ALTER TABLE order_receipts RENAME TO single_receipts;

CREATE TABLE receipts (
    restaurant_id uuid NOT NULL,
    order_id      uuid NOT NULL,
    is_displayed  boolean NOT NULL,                      -- else received; a device that shows an order has received it
    devices       text[] NOT NULL,
    at            timestamptz[] NOT NULL,                -- of each device
    CHECK (cardinality(devices) = cardinality(at))
);
CREATE INDEX receipts_by_order ON receipts (order_id);

INSERT INTO receipts (restaurant_id, order_id, is_displayed, devices, at)
SELECT restaurant_id, order_id, false, array_agg(device), array_agg(received_at)
  FROM single_receipts
 GROUP BY restaurant_id, order_id
UNION ALL
SELECT restaurant_id, order_id, true, array_agg(device), array_agg(displayed_at)
  FROM single_receipts
 WHERE displayed_at IS NOT NULL
 GROUP BY restaurant_id, order_id;

-- The steps of an order as before, by the new table.
CREATE OR REPLACE VIEW order_steps_ahead AS
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
            AND EXISTS (SELECT FROM receipts WHERE receipts.order_id = o.id AND receipts.is_displayed))
   AND NOT EXISTS (SELECT FROM order_alerts taken WHERE taken.order_id = o.id AND taken.step = ladder.step);

DROP TABLE single_receipts;

CREATE VIEW order_receipts WITH (security_invoker = true) AS
SELECT receipts.restaurant_id, receipts.order_id, told.device,
       min(told.at) AS received_at, min(told.at) FILTER (WHERE receipts.is_displayed) AS displayed_at
  FROM receipts CROSS JOIN LATERAL unnest(receipts.devices, receipts.at) AS told (device, at)
 GROUP BY receipts.restaurant_id, receipts.order_id, told.device;
