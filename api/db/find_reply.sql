-- api/db/find_reply.sql: what the request with this idempotency key was answered, for a day. $1 bytea: hash of the key.
-- One row or none: hash of its body, status, and the encrypted reply.
SELECT body_hash, status, body
  FROM request_replies
 WHERE key_hash = $1::bytea AND created_at > now() - interval '24 hours';
