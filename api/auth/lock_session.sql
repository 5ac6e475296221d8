-- api/auth/lock_session.sql: a session, and what the shown refresh token is to it. $1 uuid: session; $2 uuid: user;
-- $3 bytea: SHA-256 of the token. One row, or none when it is over. The token is 'last'; or 'before', the last one's
-- predecessor of a moment ago; or 'spent'; or 'foreign'. (What two do at once is decided by columns of the locked row:
-- a subquery sees what was there before the lock. A revocation of the session that it misses makes the new access token
-- worthless all the same, and is found the next time: it is kept for as long as a session lives without a refresh.)
SELECT CASE WHEN s.token_hash = $3::bytea THEN 'last'
            WHEN s.previous_hash = $3::bytea AND s.rotated_at > clock_timestamp() - interval '10 seconds' THEN 'before'
            WHEN s.previous_hash = $3::bytea
                 OR EXISTS (SELECT FROM spent_tokens t WHERE t.session_id = s.id AND t.token_hash = $3::bytea) THEN 'spent'
            ELSE 'foreign' END
  FROM sessions s
 WHERE s.id = $1::uuid AND s.user_id = $2::uuid AND s.ended_at IS NULL AND s.expires_at > now()
   AND NOT EXISTS (SELECT FROM revocations r WHERE r.kind = 'session' AND r.id = s.id)
   FOR UPDATE OF s;
