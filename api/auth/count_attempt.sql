-- api/auth/count_attempt.sql: counts an attempt to sign in, unless account or address are locked, and finds the user.
-- $1 bytea: the account's key; $2 bytea: the address' key; $3 bytea: blind index of the e-mail address.
-- One row: seconds to wait (0: go on); the user's id, or null.
-- What is refused counts for neither: nobody locks an account from an address that is locked, or the other way round. Both
-- rows are locked before either is judged. (One that appears meanwhile is judged by itself: then it is the first attempt.)
WITH keys (key, free) AS (
    VALUES ($1::bytea, 5), ($2::bytea, 30)
), present AS MATERIALIZED (
    SELECT a.locked_until FROM login_attempts a
     WHERE a.key IN ($1::bytea, $2::bytea)
     ORDER BY a.key -- the same order for all: no deadlock
       FOR UPDATE
), locks AS MATERIALIZED (
    SELECT max(ceil(extract(epoch FROM locked_until - now()))) AS wait_s FROM present WHERE locked_until > now()
), counted AS (
    INSERT INTO login_attempts AS a (key, failures, last_at)
    SELECT key, 1, now() FROM keys WHERE (SELECT wait_s FROM locks) IS NULL ORDER BY key
    ON CONFLICT (key) DO UPDATE
       SET failures = CASE WHEN a.last_at < now() - interval '1 hour' THEN 1 ELSE a.failures + 1 END,
           last_at = now(),
           locked_until = CASE WHEN a.last_at >= now() - interval '1 hour'
                                AND a.failures + 1 >= (SELECT free FROM keys k WHERE k.key = a.key)
                               THEN now() + least(interval '15 minutes', interval '15 seconds' *
                                    power(2, least(a.failures + 1 - (SELECT free FROM keys k WHERE k.key = a.key), 10))) END
     WHERE a.locked_until IS NULL OR a.locked_until <= now()
    RETURNING key
)
SELECT CASE WHEN (SELECT count(*) FROM counted) = 2 THEN 0 ELSE greatest(1, coalesce(wait_s, 1))::integer END,
       (SELECT user_id FROM user_emails WHERE email_index = $3::bytea)
  FROM locks;
