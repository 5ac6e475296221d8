-- Says that this hub runs. $1 uuid: its incarnation; $2 text: its id; $3 integer: for how long, ms.
-- One row: whether the lease is a new one (the first, or the old one had ended and was cleared away).
WITH renewed AS (
    UPDATE hub_leases
       SET expires_at = now() + $3::integer * interval '1 millisecond'
     WHERE incarnation = $1::uuid
    RETURNING incarnation
), made AS (
    INSERT INTO hub_leases (incarnation, hub_id, expires_at)
    SELECT $1::uuid, $2::text, now() + $3::integer * interval '1 millisecond'
     WHERE NOT EXISTS (SELECT FROM renewed)
    RETURNING incarnation
)
SELECT EXISTS (SELECT FROM made);
