-- api/escalation/delete_webhook.sql: a restaurant wants to be told no more. $1 uuid: restaurant. One row, with the URL, or
-- none when there was nothing to delete.
DELETE FROM webhooks WHERE restaurant_id = $1::uuid RETURNING url;
