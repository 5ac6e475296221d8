-- api/privacy/ensure_subject_key.sql: the data key of a customer, made from what is offered if there is none.
-- $1 uuid: user; $2 uuid, $3 bytea: id and wrapped form of the offered key. One row: id, and the wrapped form (null once
-- the customer was erased). No row when another transaction is just making it: ask again.
WITH made AS (
    INSERT INTO subject_keys (id, user_id, wrapped)
    VALUES ($2::uuid, $1::uuid, $3::bytea)
    ON CONFLICT (user_id) DO NOTHING
    RETURNING id, wrapped
)
SELECT id, wrapped FROM made
 UNION ALL
SELECT id, wrapped FROM subject_keys WHERE user_id = $1::uuid;
