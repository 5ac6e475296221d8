-- Delivery: which devices a restaurant has, what reached them, and what the restaurant wants done about it.

-- What a restaurant chooses. Times in seconds.
ALTER TABLE restaurants
    ADD COLUMN offline_after_s integer NOT NULL DEFAULT 300 CHECK (offline_after_s BETWEEN 10 AND 86400),
    ADD COLUMN refuse_when_unreachable boolean NOT NULL DEFAULT true,
    ADD COLUMN display_within_s integer NOT NULL DEFAULT 20 CHECK (display_within_s BETWEEN 1 AND 3600),
    ADD COLUMN accept_within_s integer NOT NULL DEFAULT 90 CHECK (accept_within_s BETWEEN 1 AND 3600),
    ADD COLUMN reject_after_s integer DEFAULT 600 CHECK (reject_after_s BETWEEN 1 AND 86400); -- null: never

-- When each device first had an order, and when it first showed it. Written by hubs, in batches.
CREATE TABLE order_receipts (
    restaurant_id uuid NOT NULL,
    order_id      uuid NOT NULL,
    device        text NOT NULL,
    received_at   timestamptz NOT NULL,
    displayed_at  timestamptz,
    PRIMARY KEY (order_id, device)
);

-- A running hub renews its lease; devices of a hub whose lease has ended count as seen until that end,
-- and not as gone: their sockets come back to another hub within seconds.
CREATE TABLE hub_leases (
    incarnation uuid PRIMARY KEY,                        -- random, of one run of one hub
    hub_id      text NOT NULL,
    expires_at  timestamptz NOT NULL
);

-- A row per device that has ever come, with its latest socket.
CREATE TABLE devices (
    restaurant_id uuid NOT NULL REFERENCES restaurants (id),
    device        text NOT NULL,
    incarnation   uuid NOT NULL,                         -- of the hub that has, or had, its socket
    connected_at  timestamptz NOT NULL,
    left_at       timestamptz,                           -- null: its socket is open
    PRIMARY KEY (restaurant_id, device)
) WITH (fillfactor = 70);

-- Whether orders can reach the restaurant. No row: no device has ever come, and nothing is known.
CREATE TABLE restaurant_reachability (
    restaurant_id uuid PRIMARY KEY REFERENCES restaurants (id),
    reachable     boolean NOT NULL,
    since         timestamptz NOT NULL
);

-- Some events are for the restaurant alone: they have a place in its stream, but none in the order's own.
ALTER TABLE order_events ALTER COLUMN order_version DROP NOT NULL;
