-- Escalation: what happens to an order that nobody shows or accepts in time.

-- The extension attribute `alert` of an event of type order.alerted: a flat JSON object.
ALTER TABLE order_events ADD COLUMN alert text;
