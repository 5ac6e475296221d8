-- api/escalation/find_webhook.sql: where a restaurant wants to be told. $1 uuid: restaurant. One row or none.
SELECT url, utc_text(created_at) FROM webhooks WHERE restaurant_id = $1::uuid;
