-- Deletes revocations that no living token can fall under any more. $1 bigint: the longest life of a token, seconds.
DELETE FROM revocations WHERE revoked_at < now() - make_interval(secs => $1::bigint);
