-- api/escalation/put_webhook.sql: sets where a restaurant wants to be told, in the place of what was there.
-- $1 uuid: restaurant; $2 text: URL; $3 bytea: secret, encrypted. One row, or none for a restaurant that does not exist.
INSERT INTO webhooks (restaurant_id, url, secret, created_at)
SELECT id, $2, $3::bytea, now() FROM restaurants WHERE id = $1::uuid
    ON CONFLICT (restaurant_id) DO UPDATE
   SET url = excluded.url, secret = excluded.secret, created_at = excluded.created_at
RETURNING utc_text(created_at);
