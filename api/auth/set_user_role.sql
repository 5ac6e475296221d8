-- api/auth/set_user_role.sql: another role, with its restaurants. $1 uuid: user; $2 text: role; $3 uuid[]: restaurants.
-- One row, or none: there is no such user.
WITH changed AS (
    UPDATE users SET role = $2 WHERE id = $1::uuid RETURNING id
), left_restaurants AS (
    DELETE FROM memberships m USING changed c WHERE m.user_id = c.id AND m.restaurant_id <> ALL ($3::uuid[])
), joined AS (
    INSERT INTO memberships (user_id, restaurant_id)
    SELECT c.id, r.id FROM changed c CROSS JOIN unnest($3::uuid[]) AS r (id)
    ON CONFLICT DO NOTHING
)
SELECT id FROM changed;
