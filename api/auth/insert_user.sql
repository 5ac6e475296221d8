-- api/auth/insert_user.sql: a new account. $1 uuid: its id; $2 text: role; $3 bytea: e-mail address, encrypted; $4 bytea: its blind index;
-- $5 bytea: name, encrypted; $6 text: password hash; $7 uuid[]: restaurants. One row: whether the address was free; if
-- not, roll back.
WITH made AS (
    INSERT INTO users (id, role, email, name, password_hash)
    VALUES ($1::uuid, $2, $3::bytea, $5::bytea, $6)
), indexed AS (
    INSERT INTO user_emails (email_index, user_id)
    VALUES ($4::bytea, $1::uuid)
    ON CONFLICT (email_index) DO NOTHING
    RETURNING user_id
), joined AS (
    INSERT INTO memberships (user_id, restaurant_id)
    SELECT $1::uuid, id FROM unnest($7::uuid[]) AS r (id)
)
SELECT EXISTS (SELECT FROM indexed);
