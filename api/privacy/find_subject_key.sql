-- api/privacy/find_subject_key.sql: a person's data key, if there is one. $1 uuid: user. One row or none: id, and the
-- wrapped form (null once the person was erased).
SELECT id, wrapped FROM subject_keys WHERE user_id = $1::uuid;
