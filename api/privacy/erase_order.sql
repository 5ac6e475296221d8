-- api/privacy/erase_order.sql: empties what is personal of an order, and keeps what the law wants kept.
-- $1 uuid: order; $2 uuid: its restaurant; $3 uuid: its customer, null for a guest; $4 timestamptz: when it was placed;
-- $5 integer: days that the record is kept from then; $6 bytea: the record's key, wrapped; $7 bytea: the record.
WITH kept AS (
    INSERT INTO statutory_records (order_id, restaurant_id, user_id, ordered_at, keep_until, data_key, record)
    VALUES ($1::uuid, $2::uuid, $3::uuid, $4::timestamptz, $4::timestamptz + make_interval(days => $5::integer),
            $6::bytea, $7::bytea)
)
UPDATE orders
   SET customer_name = NULL, customer_phone = NULL, customer_address = NULL, note = NULL, line_notes = NULL, data_key = NULL,
       phone_index = NULL
 WHERE id = $1::uuid
RETURNING record_audit('order.erased', restaurant_id, id, NULL, NULL);
