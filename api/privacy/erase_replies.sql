-- api/privacy/erase_replies.sql: deletes what a person's requests were answered (api/db/idempotency.h). $1 uuid: user.
DELETE FROM request_replies WHERE user_id = $1::uuid;
