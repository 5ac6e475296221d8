-- Revocations from a moment on, the oldest first. $1 bigint: unix seconds.
SELECT kind, id, floor(extract(epoch FROM revoked_at))::bigint
  FROM revocations
 WHERE revoked_at >= to_timestamp($1::bigint)
 ORDER BY revoked_at;
