-- api/privacy/find_record.sql: the statutory record of an erased order; that somebody looked is recorded. $1 uuid: order.
-- A row, or none: restaurant, customer (null: a guest), when it was placed, until when it is kept, key, record.
SELECT restaurant_id, user_id, utc_text(ordered_at), utc_text(keep_until), data_key, record,
       record_audit('record.read', restaurant_id, order_id, NULL, NULL)
  FROM statutory_records
 WHERE order_id = $1::uuid;
