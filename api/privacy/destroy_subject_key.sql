-- api/privacy/destroy_subject_key.sql: ends a customer's data key, and sees to it that none is made again. $1 uuid: user.
-- A row: whether there was one.
WITH known AS MATERIALIZED (
    SELECT wrapped IS NOT NULL AS was_there FROM subject_keys WHERE user_id = $1::uuid
), ended AS (
    INSERT INTO subject_keys (id, user_id, wrapped, destroyed_at)
    VALUES (gen_random_uuid(), $1::uuid, NULL, now())
    ON CONFLICT (user_id) DO UPDATE SET wrapped = NULL, destroyed_at = coalesce(subject_keys.destroyed_at, now())
)
SELECT coalesce((SELECT was_there FROM known), false);
