-- In whose name statements run (api/db/scope.h), audit that knows more of it, and orders that belong to a customer.

-- What the running transaction was told by enter_scope.sql. A setting that was once local to a transaction reads as
-- empty afterwards, not as null: hence nullif.
CREATE FUNCTION scope_restaurants() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.restaurants', true), '')::uuid[];
CREATE FUNCTION scope_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.user_id', true), '')::uuid;

ALTER TABLE audit_logs
    ADD COLUMN session_id uuid,
    ADD COLUMN address    text CHECK (char_length(address) <= 64), -- the client's
    ADD COLUMN old_value  bytea,                         -- these two: AES-256-GCM, shared/column_cipher.h
    ADD COLUMN new_value  bytea;

-- A row of the audit log about what the running transaction does; who does it is the scope's.
CREATE FUNCTION record_audit(action text, restaurant_id uuid, subject_id uuid, old_value bytea, new_value bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_logs (id, at, restaurant_id, actor_role, actor_id, session_id, action, subject_id, trace_id,
                            address, old_value, new_value)
    VALUES (gen_random_uuid(), clock_timestamp(), restaurant_id,
            coalesce(nullif(current_setting('app.actor_role', true), ''), 'system'),
            nullif(current_setting('app.actor_id', true), '')::uuid,
            nullif(current_setting('app.session_id', true), '')::uuid, action, subject_id,
            coalesce(current_setting('app.trace_id', true), ''),
            nullif(current_setting('app.address', true), ''), old_value, new_value);
END $$;

-- Who placed the order with an account; null: a guest.
ALTER TABLE orders ADD COLUMN customer_id uuid;
CREATE INDEX orders_by_customer ON orders (customer_id, id DESC) WHERE customer_id IS NOT NULL;
