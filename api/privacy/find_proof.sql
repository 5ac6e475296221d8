-- api/privacy/find_proof.sql: whether somebody has just proved who they are. $1 uuid: user; $2 uuid: the session of their
-- token, nil when it has none; $3 integer: seconds for which the proof of a login is good. False: they have an account, and did not.
-- (Who has none, and orders with a token from elsewhere, has nothing but that to prove it with.)
SELECT NOT EXISTS (SELECT FROM users WHERE id = $1::uuid)
       OR EXISTS (SELECT FROM sessions s
                   WHERE s.id = $2::uuid AND s.user_id = $1::uuid AND s.ended_at IS NULL
                     AND s.created_at > now() - make_interval(secs => $3::integer));
