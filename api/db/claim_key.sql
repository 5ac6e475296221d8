-- api/db/claim_key.sql: holds an idempotency key until the end of this transaction. $1 bigint: the first 8 bytes of its
-- hash. One row: false when another transaction holds it. A statement of its own, so that the one behind it sees
-- whatever that transaction has committed.
SELECT pg_try_advisory_xact_lock($1::bigint);
