-- The audit log as chains: what is changed, taken out, put in or moved in it can be proved (api/audit/chain.h).
--
-- Each writing session has a chain of its own, so that writers never wait for each other: the lowest number for
-- which it gets the advisory lock, which it holds until it ends. Its successor continues the chain.
-- Rows of a chain are numbered without holes. Each has a digest, SHA-256 of what it says and of its place; what was
-- recorded at once is a link, whose last row has its hash: SHA-256 of the hash before it and of the digests.
-- Values are hashed as they are stored, encrypted: a chain outlives the keys of what was erased.

CREATE TABLE audit_chains (
    id     integer PRIMARY KEY,
    number bigint NOT NULL,                              -- of its last row
    hash   bytea NOT NULL CHECK (octet_length(hash) = 32) -- of its last link
) WITH (fillfactor = 10); -- updated by every transaction that records something

ALTER TABLE audit_logs
    ADD COLUMN chain_id integer,
    ADD COLUMN number   bigint CHECK (number > 0),
    ADD COLUMN digest   bytea CHECK (octet_length(digest) = 32),
    ADD COLUMN hash     bytea CHECK (octet_length(hash) = 32); -- null inside of a link

-- What a row says: what its digest covers, with chain and number, as PostgreSQL's binary format has it.
-- A column that comes later is not in it: its rows would need another type and another digest.
CREATE TYPE audit_entry AS (
    id uuid, at timestamptz, restaurant_id uuid, actor_role text, actor_id uuid, session_id uuid, address text,
    action text, subject_id uuid, trace_id text, old_value bytea, new_value bytea
);
CREATE FUNCTION audit_digest(chain_id integer, number bigint, entry audit_entry) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256(int4send(chain_id) || int8send(number) || record_send(entry));

-- What was recorded before there were chains becomes one link of the first.
WITH numbered AS (
    SELECT id, at, row_number() OVER (ORDER BY at, id) AS number FROM audit_logs
)
UPDATE audit_logs log
   SET chain_id = 1, number = numbered.number,
       digest = audit_digest(1, numbered.number,
                             ROW (log.id, log.at, log.restaurant_id, log.actor_role, log.actor_id, log.session_id,
                                  log.address, log.action, log.subject_id, log.trace_id, log.old_value,
                                  log.new_value)::audit_entry)
  FROM numbered
 WHERE numbered.id = log.id AND numbered.at = log.at;
INSERT INTO audit_chains (id, number, hash)
SELECT 1, max(number), sha256(string_agg(digest, '' ORDER BY number)) FROM audit_logs HAVING count(*) > 0;
UPDATE audit_logs log SET hash = chain.hash FROM audit_chains chain WHERE log.number = chain.number;

ALTER TABLE audit_logs
    ALTER COLUMN chain_id SET NOT NULL,
    ALTER COLUMN number SET NOT NULL,
    ALTER COLUMN digest SET NOT NULL,
    DROP CONSTRAINT audit_logs_pkey, -- of random places; rows of a chain come to the end of the new one
    ADD PRIMARY KEY (chain_id, number, at);
-- What auditors page through. The steps of orders, which are most rows by far, are found by their order.
CREATE INDEX audit_logs_by_restaurant ON audit_logs (restaurant_id, at, id) WHERE action NOT LIKE 'order.%';
-- What is no restaurant's is found by who did it, and by what was done, too: it is everybody's, and rare may be anything in it.
CREATE INDEX audit_logs_of_platform ON audit_logs (at, id) WHERE restaurant_id IS NULL AND action NOT LIKE 'order.%';
CREATE INDEX audit_logs_of_platform_by_actor ON audit_logs (actor_id, at, id)
    WHERE restaurant_id IS NULL AND action NOT LIKE 'order.%';
CREATE INDEX audit_logs_of_platform_by_action ON audit_logs (action, at, id)
    WHERE restaurant_id IS NULL AND action NOT LIKE 'order.%';

-- A chain for this session. The lock is not the transaction's: it stays when that rolls back, and is taken again.
CREATE FUNCTION take_audit_chain() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    chain integer := 1;
BEGIN
    WHILE NOT pg_try_advisory_lock(hashtext('audit_chains'), chain) LOOP
        chain := chain + 1;
    END LOOP;
    PERFORM set_config('app.audit_chain', chain::text, false);
    RETURN chain;
END $$;

-- Records entries, in order, as one link of this session's chain. The one way in which rows get into audit_logs.
CREATE FUNCTION record_audits(entries audit_entry[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    chain integer := coalesce(nullif(current_setting('app.audit_chain', true), '')::integer, take_audit_chain());
    head  audit_chains;
BEGIN
    IF entries IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO head FROM audit_chains WHERE id = chain; -- which nobody else moves on
    WITH entry AS (
        SELECT e.*, coalesce(head.number, 0) + e.n AS number
          FROM unnest(entries) WITH ORDINALITY
               AS e (id, at, restaurant_id, actor_role, actor_id, session_id, address, action, subject_id, trace_id,
                     old_value, new_value, n)
    ), digested AS MATERIALIZED (
        SELECT e.*, audit_digest(chain, e.number,
                                 ROW (e.id, e.at, e.restaurant_id, e.actor_role, e.actor_id, e.session_id, e.address,
                                      e.action, e.subject_id, e.trace_id, e.old_value, e.new_value)::audit_entry)
                        AS digest
          FROM entry e
    ), link AS MATERIALIZED (
        SELECT max(number) AS number, sha256(coalesce(head.hash, '') || string_agg(digest, '' ORDER BY number)) AS hash
          FROM digested
    ), stored AS (
        INSERT INTO audit_logs (id, at, restaurant_id, actor_role, actor_id, session_id, address, action, subject_id,
                                trace_id, old_value, new_value, chain_id, number, digest, hash)
        SELECT d.id, d.at, d.restaurant_id, d.actor_role, d.actor_id, d.session_id, d.address, d.action, d.subject_id,
               d.trace_id, d.old_value, d.new_value, chain, d.number, d.digest,
               CASE WHEN d.number = link.number THEN link.hash END
          FROM digested d CROSS JOIN link
    )
    INSERT INTO audit_chains (id, number, hash)
    SELECT chain, number, hash FROM link
        ON CONFLICT (id) DO UPDATE SET number = excluded.number, hash = excluded.hash;
END $$;

CREATE OR REPLACE FUNCTION record_audit(action text, restaurant_id uuid, subject_id uuid, old_value bytea,
                                        new_value bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM record_audits(ARRAY[
        ROW (gen_random_uuid(), clock_timestamp(), restaurant_id,
             coalesce(nullif(current_setting('app.actor_role', true), ''), 'system'),
             nullif(current_setting('app.actor_id', true), '')::uuid,
             nullif(current_setting('app.session_id', true), '')::uuid,
             nullif(current_setting('app.address', true), ''), action, subject_id,
             coalesce(current_setting('app.trace_id', true), ''), old_value, new_value)::audit_entry]);
END $$;

-- Gives each chain that has no row of this month one, so that no head stands in a partition that is old enough to be
-- dropped. A chain that another session writes is left to it. How many it were.
CREATE FUNCTION continue_audit_chains() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    own       text := coalesce(current_setting('app.audit_chain', true), '');
    chain     integer;
    continued integer := 0;
BEGIN
    FOR chain IN
        SELECT head.id FROM audit_chains head
         WHERE (SELECT max(log.at) FROM audit_logs log -- NOT EXISTS might be answered by a walk through the month
                 WHERE log.chain_id = head.id AND log.number = head.number
                   AND log.at >= date_trunc('month', now(), 'UTC')) IS NULL
    LOOP
        IF pg_try_advisory_xact_lock(hashtext('audit_chains'), chain) THEN -- as take_audit_chain(), until the commit
            PERFORM set_config('app.audit_chain', chain::text, true);
            PERFORM record_audit('audit.continued', NULL, '00000000-0000-0000-0000-000000000000', NULL, NULL);
            continued := continued + 1;
        END IF;
    END LOOP;
    PERFORM set_config('app.audit_chain', own, true);
    RETURN continued;
END $$;

-- Append only, also for the owner. What has become too old goes with its whole partition, which is dropped.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log can only be appended to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change(); -- partitions inherit it
CREATE TRIGGER audit_logs_not_truncated BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change(); -- this one they do not

CREATE FUNCTION protect_audit_partition(partition regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER audit_logs_not_truncated BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()', partition);
END $$;
SELECT protect_audit_partition(inhrelid::regclass) FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass;

CREATE OR REPLACE FUNCTION make_audit_partitions(months integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    first date;
    name  text;
    made  integer := 0;
BEGIN
    FOR i IN 0..months LOOP
        first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i))::date;
        name := format('audit_logs_%s', to_char(first, 'YYYYMM'));
        IF to_regclass(name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF audit_logs FOR VALUES FROM (%L) TO (%L)', name,
                           first::timestamp AT TIME ZONE 'UTC',
                           (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
            PERFORM protect_audit_partition(name::regclass);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
