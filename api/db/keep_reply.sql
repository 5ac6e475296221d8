-- api/db/keep_reply.sql: keeps what a request with an idempotency key is answered. $1 bytea: hash of the key; $2 bytea:
-- hash of the body; $3 uuid: user, null for a guest; $4 smallint: status; $5 bytea: the encrypted reply.
-- What is there already is older than a day, or find_reply.sql would have found it.
INSERT INTO request_replies (key_hash, body_hash, user_id, status, body)
VALUES ($1::bytea, $2::bytea, $3::uuid, $4::smallint, $5::bytea)
    ON CONFLICT (key_hash) DO UPDATE
   SET body_hash = excluded.body_hash, user_id = excluded.user_id, status = excluded.status, body = excluded.body,
       created_at = excluded.created_at;
