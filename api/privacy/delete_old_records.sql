-- api/privacy/delete_old_records.sql: ends statutory records whose time is over, with their keys. $1 integer: at most so many.
DELETE FROM statutory_records
 WHERE order_id IN (SELECT order_id FROM statutory_records
                     WHERE keep_until < now()
                     ORDER BY keep_until
                     LIMIT $1::integer
                     FOR UPDATE SKIP LOCKED);
