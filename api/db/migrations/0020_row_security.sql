-- Row-level security: whoever asks sees the rows of the restaurants and of the person in whose name it asks (0009), and
-- none when it forgot to say so. The second wall: the first are the statements themselves, which name their tenant.
-- Four roles do what the programs do: ordersync_api (serve), ordersync_worker (work), ordersync_hub and ordersync_admin
-- (commands). They own nothing, and are granted what their program does, no more. Row security stops the API alone,
-- which acts for strangers: a worker and an administrator have to do with all restaurants, and a hub checks the
-- streams of all its topics at once; what keeps these in are their grants.

-- They are logins of their own, or groups that logins are members of: whoever runs the database makes them, because
-- a role that may make roles (CREATEROLE) could make itself a member of each.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{ordersync_api,ordersync_worker,ordersync_hub,ordersync_admin}'::text[] LOOP
        CONTINUE WHEN to_regrole(name) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'the role % is missing: make it first (docs/operations.md, "Database roles")', name;
            WHEN duplicate_object OR unique_violation THEN -- at this moment, by another migration
        END;
    END LOOP;
END $$;

-- Where all this lives: tests have schemas of their own.
DO $$ BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO ordersync_api, ordersync_worker, ordersync_hub, ordersync_admin',
                   current_schema());
END $$;

CREATE FUNCTION scope_order() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.order_id', true), '')::uuid;
CREATE FUNCTION scope_is_admin() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(current_setting('app.actor_role', true) = 'admin', false);

-- Forces row security on a table. restaurant: the column that says whose its rows are; person: the column of the user
-- whose own they are, to read only where they are a restaurant's, too; named: the column of the order to which they
-- belong, and which may be read whose ever it is (a guest's).
-- IN makes PostgreSQL hash the restaurants once for each statement. = ANY would go through them for every row, of which
-- a batch of the order writer has thousands, or sort them anew for every probe of an index.
-- The owner is let through like the others by a policy: who migrates has to change what is there.
-- The names decide in which order PostgreSQL asks the policies; nearly always the first one answers.
CREATE FUNCTION protect(protected regclass, restaurant text DEFAULT NULL, person text DEFAULT NULL,
                        named text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', protected);
    EXECUTE format('CREATE POLICY whole ON %s TO %I, ordersync_worker, ordersync_hub, ordersync_admin USING (true)',
                   protected, current_user);
    IF restaurant IS NOT NULL THEN
        EXECUTE format('CREATE POLICY by_restaurant ON %s TO ordersync_api'
                       ' USING (%I IN (SELECT unnest(scope_restaurants())))', protected, restaurant);
    END IF;
    IF person IS NOT NULL THEN
        EXECUTE format('CREATE POLICY of_person ON %s FOR %s TO ordersync_api USING (%I = (SELECT scope_user()))',
                       protected, CASE WHEN restaurant IS NULL THEN 'ALL' ELSE 'SELECT' END, person);
    END IF;
    IF named IS NOT NULL THEN
        EXECUTE format('CREATE POLICY of_named_order ON %s FOR SELECT TO ordersync_api USING (%I = (SELECT scope_order()))',
                       protected, named);
    END IF;
END $$;

-- What each role may do with a table: privileges, perhaps of columns, as GRANT takes them; null: nothing.
CREATE FUNCTION allow(allowed regclass, api text DEFAULT NULL, worker text DEFAULT NULL, hub text DEFAULT NULL,
                      admin text DEFAULT 'SELECT, INSERT, UPDATE, DELETE') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    grantee record;
BEGIN
    FOR grantee IN SELECT * FROM (VALUES ('ordersync_api', api), ('ordersync_worker', worker), ('ordersync_hub', hub),
                                         ('ordersync_admin', admin)) AS g (role, privileges)
                    WHERE privileges IS NOT NULL LOOP
        EXECUTE format('GRANT %s ON %s TO %I', grantee.privileges, allowed, grantee.role);
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION protect, allow FROM PUBLIC;

-- The lines of an order had no tenant of their own, and to look their order up for each would be dear.
ALTER TABLE order_items ADD COLUMN restaurant_id uuid;
UPDATE order_items SET restaurant_id = orders.restaurant_id FROM orders WHERE orders.id = order_items.order_id;
ALTER TABLE order_items ALTER COLUMN restaurant_id SET NOT NULL;

-- ---- restaurants and what they sell ----

SELECT protect('restaurants', restaurant => 'id'),
       allow('restaurants', api => 'SELECT, INSERT, UPDATE', worker => 'SELECT, UPDATE', hub => 'SELECT (id)');
SELECT protect('restaurant_profiles', restaurant => 'restaurant_id'), -- of the rest customers learn no more than the description
       allow('restaurant_profiles', api => 'SELECT, INSERT, UPDATE', worker => 'SELECT (restaurant_id, description)');
SELECT protect('opening_hours', restaurant => 'restaurant_id'),
       allow('opening_hours', api => 'SELECT, INSERT, UPDATE, DELETE', worker => 'SELECT, UPDATE');
SELECT protect(name::regclass, restaurant => 'restaurant_id'),
       allow(name::regclass, api => 'SELECT, INSERT, UPDATE, DELETE')
  FROM unnest('{menus,option_groups,item_options,price_rules}'::text[]) AS name;
SELECT protect('menu_items', restaurant => 'restaurant_id'),
       allow('menu_items', api => 'SELECT, INSERT, UPDATE, DELETE', worker => 'SELECT, UPDATE'); -- rejected orders give stock back

-- ---- orders ----

SELECT protect('orders', restaurant => 'restaurant_id', person => 'customer_id', named => 'id'),
       allow('orders', api => 'SELECT, INSERT, UPDATE',
             worker => 'SELECT (id, restaurant_id, status, version, currency, total_amount, reason, changed_by,'
                       ' last_event_id, created_at, updated_at, customer_id, ready_at, accept_at),'
                       ' UPDATE (status, version, reason, changed_by, last_event_id, updated_at, ready_at, accept_at)',
             hub => 'SELECT (id, restaurant_id, status, created_at, customer_id)');
CREATE POLICY erased_by_person ON orders FOR UPDATE TO ordersync_api USING (customer_id = (SELECT scope_user()));
SELECT protect('order_items', restaurant => 'restaurant_id'),
       allow('order_items', api => 'SELECT, INSERT', worker => 'SELECT');
SELECT protect('order_events', restaurant => 'restaurant_id', named => 'order_id'),
       allow('order_events', api => 'SELECT, INSERT', worker => 'SELECT, INSERT', hub => 'SELECT');
CREATE POLICY of_person ON order_events FOR SELECT TO ordersync_api
    USING (order_id IN (SELECT id FROM orders WHERE customer_id = (SELECT scope_user())));
SELECT protect('restaurant_streams', restaurant => 'restaurant_id'),
       allow('restaurant_streams', api => 'SELECT, INSERT, UPDATE', worker => 'SELECT, UPDATE', hub => 'SELECT');
SELECT protect('idempotency', restaurant => 'restaurant_id'),
       allow('idempotency', api => 'SELECT, INSERT', worker => 'SELECT, INSERT, DELETE, UPDATE');

-- What a request was answered: its caller's. A guest's is found by a hash that only the guest can make.
SELECT protect('request_replies'), allow('request_replies', api => 'SELECT, INSERT, UPDATE, DELETE', worker => 'SELECT, DELETE, UPDATE');
CREATE POLICY of_caller ON request_replies TO ordersync_api USING (user_id IS NOT DISTINCT FROM (SELECT scope_user()));

-- ---- people ----

SELECT protect('memberships', restaurant => 'restaurant_id', person => 'user_id'),
       allow('memberships', api => 'SELECT, INSERT, DELETE');
SELECT protect('users', person => 'id'), allow('users', api => 'SELECT, INSERT, UPDATE, DELETE');
CREATE POLICY of_colleagues ON users FOR SELECT TO ordersync_api -- of the restaurants in whose name is asked
    USING (EXISTS (SELECT FROM memberships m
                    WHERE m.user_id = users.id AND m.restaurant_id IN (SELECT unnest(scope_restaurants()))
                   OFFSET 0)); -- so that it is a probe for each row, and no hash of all memberships
SELECT protect('recovery_codes', person => 'user_id'), allow('recovery_codes', api => 'SELECT, INSERT, DELETE');
SELECT protect('sessions', person => 'user_id'),
       allow('sessions', api => 'SELECT, INSERT, UPDATE', worker => 'SELECT (id, expires_at), UPDATE (expires_at), DELETE');
SELECT protect('spent_tokens', person => 'user_id'), allow('spent_tokens', api => 'SELECT, INSERT');
SELECT protect('subject_keys', person => 'user_id'), allow('subject_keys', api => 'SELECT, INSERT, UPDATE');
CREATE POLICY of_orders ON subject_keys FOR SELECT TO ordersync_api -- whoever may see an order, sees whose it is
    USING (EXISTS (SELECT FROM orders WHERE orders.customer_id = subject_keys.user_id OFFSET 0));
-- What the law wants kept of an erased order the API may put away, but not see again.
SELECT protect('statutory_records'),
       allow('statutory_records', api => 'INSERT', worker => 'SELECT (order_id, keep_until), UPDATE (keep_until), DELETE');
CREATE POLICY put_away ON statutory_records FOR INSERT TO ordersync_api
    WITH CHECK (user_id = (SELECT scope_user()) OR restaurant_id IN (SELECT unnest(scope_restaurants())));

-- ---- delivery ----

SELECT protect('receipts', restaurant => 'restaurant_id', named => 'order_id'),
       allow('receipts', api => 'SELECT', worker => 'SELECT, UPDATE, DELETE', hub => 'SELECT, INSERT');
SELECT protect('devices', restaurant => 'restaurant_id'),
       allow('devices', api => 'SELECT', worker => 'SELECT, UPDATE, DELETE', hub => 'SELECT, INSERT, UPDATE');
SELECT protect('restaurant_reachability', restaurant => 'restaurant_id'),
       allow('restaurant_reachability', api => 'SELECT', worker => 'SELECT, INSERT, UPDATE', hub => 'SELECT');

-- ---- escalation ----

SELECT protect('escalation_steps', restaurant => 'restaurant_id'),
       allow('escalation_steps', api => 'SELECT, INSERT, UPDATE, DELETE', worker => 'SELECT');
CREATE POLICY common ON escalation_steps FOR SELECT TO ordersync_api USING (restaurant_id IS NULL); -- the ladder of all who have none
SELECT protect('order_watches', restaurant => 'restaurant_id'),
       allow('order_watches', worker => 'SELECT, INSERT, UPDATE, DELETE');
SELECT protect('order_alerts', restaurant => 'restaurant_id', named => 'order_id'),
       allow('order_alerts', api => 'SELECT', worker => 'SELECT, INSERT, UPDATE, DELETE');
SELECT protect('webhooks', restaurant => 'restaurant_id'),
       allow('webhooks', api => 'SELECT, INSERT, UPDATE, DELETE', worker => 'SELECT');
ALTER VIEW order_steps_ahead SET (security_invoker = true);
GRANT SELECT ON order_steps_ahead TO ordersync_worker, ordersync_admin;
GRANT SELECT ON order_receipts TO ordersync_api, ordersync_admin;

-- ---- audit ----
-- Whatever happens may be recorded, also a denial about somebody else's; what was recorded only its restaurant reads, and
-- what is no restaurant's (sign-ins, denials, the use of keys) an administrator of the platform.

SELECT protect('audit_logs', named => 'subject_id'),
       allow('audit_logs', api => 'SELECT, INSERT', worker => 'SELECT, INSERT', admin => 'SELECT, INSERT');
CREATE POLICY by_restaurant ON audit_logs FOR SELECT TO ordersync_api
    USING (restaurant_id IN (SELECT unnest(scope_restaurants())));
CREATE POLICY of_platform ON audit_logs FOR SELECT TO ordersync_api
    USING (restaurant_id IS NULL AND (SELECT scope_is_admin()));
CREATE POLICY recorded ON audit_logs FOR INSERT TO ordersync_api WITH CHECK (true);

-- Nobody reads a partition by itself but its owner, for a backup. The worker has new ones made ahead in the owner's name, because that is whose
-- they are, and can do nothing else so.
CREATE OR REPLACE FUNCTION protect_audit_partition(partition regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER audit_logs_not_truncated BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()', partition);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', partition);
    EXECUTE format('CREATE POLICY whole ON %s TO %I USING (true)', partition, current_user);
END $$;
DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass LOOP
        EXECUTE format('DROP TRIGGER audit_logs_not_truncated ON %s', partition);
        PERFORM protect_audit_partition(partition);
    END LOOP;
    EXECUTE format('ALTER FUNCTION make_audit_partitions SECURITY DEFINER SET search_path = %I, pg_temp',
                   current_schema());
END $$;
REVOKE EXECUTE ON FUNCTION make_audit_partitions, protect_audit_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_audit_partitions TO ordersync_worker;

-- ---- what is nobody's ----
-- No row security: these hold nothing of a restaurant or a person but ids and digests, and are asked before it is known
-- in whose name.

SELECT allow('audit_chains', api => 'SELECT, INSERT, UPDATE', worker => 'SELECT, INSERT, UPDATE', admin => 'SELECT, INSERT, UPDATE'),
       allow('hub_leases', api => 'SELECT', worker => 'SELECT, UPDATE, DELETE', hub => 'SELECT, INSERT, UPDATE, DELETE'),
       allow('login_attempts', api => 'SELECT, INSERT, UPDATE, DELETE', worker => 'SELECT, UPDATE, DELETE'),
       allow('user_emails', api => 'SELECT, INSERT, DELETE'),
       allow('revocations', api => 'SELECT, INSERT, UPDATE', worker => 'SELECT, DELETE', hub => 'SELECT'),
       allow('schema_migrations', api => 'SELECT', worker => 'SELECT', hub => 'SELECT', admin => 'SELECT');
