-- The core: restaurants and what they sell, orders and their events, idempotency, audit.
-- Ids are UUIDv7 (made by the API), money is in the currency's minor unit, times are UTC.
-- Whoever writes orders or stock of a restaurant first locks its row in restaurant_streams, restaurants
-- in ascending id: that one rule orders all writers, so they cannot deadlock.

CREATE TABLE restaurants (
    id         uuid PRIMARY KEY,
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    time_zone  text NOT NULL DEFAULT 'Asia/Seoul',
    accepting  boolean NOT NULL DEFAULT true, -- takes new orders now
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The counter that numbers a restaurant's events. It is updated in the transaction that writes the events,
-- so the order of commits is the order of numbers and there are no holes.
CREATE TABLE restaurant_streams (
    restaurant_id uuid PRIMARY KEY REFERENCES restaurants (id),
    seq           bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
    last_event_id uuid,                                  -- id of event number seq; null while seq is 0
    updated_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50); -- room for HOT updates: this is the busiest row of a restaurant

CREATE TABLE menus (
    id            uuid PRIMARY KEY,
    restaurant_id uuid NOT NULL REFERENCES restaurants (id),
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    position      integer NOT NULL DEFAULT 0,
    version       bigint NOT NULL DEFAULT 1
);
CREATE INDEX menus_by_restaurant ON menus (restaurant_id, position);

CREATE TABLE menu_items (
    id            uuid NOT NULL,
    restaurant_id uuid NOT NULL REFERENCES restaurants (id),
    menu_id       uuid NOT NULL REFERENCES menus (id),
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    unit_amount   bigint NOT NULL CHECK (unit_amount BETWEEN 0 AND 1000000000),
    stock         integer CHECK (stock >= 0),            -- null: not counted
    available     boolean NOT NULL DEFAULT true,         -- the sold-out switch
    position      integer NOT NULL DEFAULT 0,
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (restaurant_id, id)                      -- the tenant is part of the key
) WITH (fillfactor = 70);

CREATE TABLE orders (
    id               uuid NOT NULL,
    restaurant_id    uuid NOT NULL REFERENCES restaurants (id),
    status           text NOT NULL DEFAULT 'PENDING' CHECK (status IN
                     ('PENDING', 'ACCEPTED', 'PREPARING', 'READY', 'COMPLETED', 'REJECTED', 'CANCELLED')),
    version          bigint NOT NULL DEFAULT 1,
    currency         text NOT NULL,
    total_amount     bigint NOT NULL CHECK (total_amount >= 0),
    reason           text CHECK (char_length(reason) <= 200), -- of a rejection or cancellation
    changed_by       text NOT NULL,                      -- role that made the last change
    last_event_id    uuid NOT NULL,
    customer_name    bytea NOT NULL,                     -- these four: AES-256-GCM, shared/column_cipher.h
    customer_phone   bytea NOT NULL,
    customer_address bytea NOT NULL,
    note             bytea,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (id)
) WITH (fillfactor = 80);
-- The restaurant's list, newest first (UUIDv7 ids ascend with time, so id is the keyset).
CREATE INDEX orders_by_restaurant ON orders (restaurant_id, id DESC);
-- What a tablet asks for: the few orders that still need someone.
CREATE INDEX orders_active ON orders (restaurant_id, id DESC)
    WHERE status IN ('PENDING', 'ACCEPTED', 'PREPARING', 'READY');

-- No foreign key: lines are only ever written with their order, in one statement, and checking each
-- would cost a sixth of the whole write.
CREATE TABLE order_items (
    order_id    uuid NOT NULL,
    line        smallint NOT NULL,
    item_id     uuid NOT NULL,
    name        text NOT NULL,                           -- as it was sold
    quantity    integer NOT NULL CHECK (quantity BETWEEN 1 AND 99),
    unit_amount bigint NOT NULL CHECK (unit_amount >= 0),
    counted     boolean NOT NULL,                        -- taken from a counted stock: given back on cancellation
    PRIMARY KEY (order_id, line)
);

-- The public form of an order, field by field as clients see it: row_to_json(ROW(...)::public_order).
-- (row_to_json and array_to_json write no line breaks, which a socket's frames rely on; json_agg does.)
CREATE TYPE public_order_item AS (item_id uuid, name text, quantity integer, unit_amount bigint);
CREATE TYPE public_order AS (
    order_id uuid, restaurant_id uuid, code text, status text, version bigint, currency text,
    total_amount bigint, items json, reason text, created_at text, updated_at text
);

-- RFC 3339 in UTC, to the millisecond.
CREATE FUNCTION utc_text(at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

CREATE TABLE order_events (
    restaurant_id uuid NOT NULL,
    seq           bigint NOT NULL,                       -- position in the restaurant's stream
    order_id      uuid NOT NULL,
    order_version bigint NOT NULL,                       -- position in the order's own stream
    id            uuid NOT NULL,                         -- random: the proof in a position
    type          text NOT NULL,
    time          timestamptz NOT NULL,                  -- inside the writing transaction
    traceparent   text NOT NULL DEFAULT '',
    data          text NOT NULL,                         -- the order's public JSON, as it is sent
    PRIMARY KEY (restaurant_id, seq)
);
CREATE UNIQUE INDEX order_events_by_order ON order_events (order_id, order_version);

-- What a request with an Idempotency-Key did. The reply that it got is the event that it made, and events
-- never change, so the record only points at it.
CREATE TABLE idempotency (
    restaurant_id uuid NOT NULL,
    key_hash      bytea NOT NULL CHECK (octet_length(key_hash) = 32), -- SHA-256 of actor, route and key
    body_hash     bytea NOT NULL CHECK (octet_length(body_hash) = 32),
    order_id      uuid NOT NULL,
    order_version bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (restaurant_id, key_hash)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Append only. One row per change, in the transaction that made it.
CREATE TABLE audit_logs (
    id            uuid NOT NULL,
    at            timestamptz NOT NULL,
    restaurant_id uuid,
    actor_role    text NOT NULL,
    actor_id      uuid,                                  -- null for a guest
    action        text NOT NULL,                         -- order.created, ...
    subject_id    uuid NOT NULL,
    trace_id      text NOT NULL DEFAULT '',
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE audit_logs_default PARTITION OF audit_logs DEFAULT; -- so that a late partition loses nothing
CREATE INDEX audit_logs_by_subject ON audit_logs (subject_id, at);

-- Makes the partitions of this month and the next `months` ones; returns how many were new.
CREATE FUNCTION make_audit_partitions(months integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    first date;
    made  integer := 0;
BEGIN
    FOR i IN 0..months LOOP
        first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i))::date;
        IF to_regclass(format('audit_logs_%s', to_char(first, 'YYYYMM'))) IS NULL THEN
            EXECUTE format('CREATE TABLE audit_logs_%s PARTITION OF audit_logs FOR VALUES FROM (%L) TO (%L)',
                           to_char(first, 'YYYYMM'), first::timestamp AT TIME ZONE 'UTC',
                           (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
SELECT make_audit_partitions(2);
