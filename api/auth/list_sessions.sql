-- api/auth/list_sessions.sql: where a user is signed in, last seen first. $1 uuid: user. A row for each session.
SELECT id, device, address, utc_text(created_at), utc_text(last_seen_at), utc_text(expires_at)
  FROM sessions
 WHERE user_id = $1::uuid AND ended_at IS NULL AND expires_at > now()
   AND NOT EXISTS (SELECT FROM revocations r WHERE r.kind = 'session' AND r.id = sessions.id)
 ORDER BY last_seen_at DESC, id DESC;
