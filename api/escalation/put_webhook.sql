-- api/escalation/put_webhook.sql: sets where a restaurant wants to be told, in the place of what was there.
-- $1 uuid: restaurant; $2 text: URL; $3 bytea: secret, encrypted; $4 text and $5 uuid: who. One row, or none for a
-- restaurant that does not exist.
WITH stored AS (
    INSERT INTO webhooks (restaurant_id, url, secret, created_at)
    SELECT id, $2, $3::bytea, now() FROM restaurants WHERE id = $1::uuid
        ON CONFLICT (restaurant_id) DO UPDATE
       SET url = excluded.url, secret = excluded.secret, created_at = excluded.created_at
    RETURNING restaurant_id, created_at
), audited AS (
    INSERT INTO audit_logs (id, at, restaurant_id, actor_role, actor_id, action, subject_id)
    SELECT gen_random_uuid(), created_at, restaurant_id, $4, $5::uuid, 'webhook.set', restaurant_id FROM stored
)
SELECT utc_text(created_at) FROM stored;
