-- api/escalation/delete_webhook.sql: a restaurant wants to be told no more. $1 uuid: restaurant; $2 text and $3 uuid:
-- who. One row, or none when there was nothing to delete.
WITH deleted AS (
    DELETE FROM webhooks WHERE restaurant_id = $1::uuid RETURNING restaurant_id
), audited AS (
    INSERT INTO audit_logs (id, at, restaurant_id, actor_role, actor_id, action, subject_id)
    SELECT gen_random_uuid(), now(), restaurant_id, $2, $3::uuid, 'webhook.deleted', restaurant_id FROM deleted
)
SELECT restaurant_id FROM deleted;
