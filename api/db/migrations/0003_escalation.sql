-- Escalation: what happens to an order that nobody shows or accepts in time.

-- What the watchdog looks through: the few orders that nobody has taken on yet, oldest first.
CREATE INDEX orders_pending ON orders (created_at) WHERE status = 'PENDING';

-- A ladder: what is done about an order that waits, step by step. A restaurant without steps of its own has
-- those of null.
CREATE TABLE escalation_steps (
    restaurant_id uuid REFERENCES restaurants (id),
    step          smallint NOT NULL CHECK (step BETWEEN 1 AND 20),
    reason        text NOT NULL CHECK (reason IN ('not_displayed', 'not_accepted')), -- taken only if still so
    after_s       integer CHECK (after_s BETWEEN 1 AND 86400), -- of the order's life; null: the restaurant's limit
    action        text NOT NULL CHECK (action IN ('alert', 'webhook', 'sms', 'call', 'email')),
    target        text CHECK (char_length(target) BETWEEN 1 AND 200), -- whom to call or to write to
    UNIQUE NULLS NOT DISTINCT (restaurant_id, step)
);
INSERT INTO escalation_steps (restaurant_id, step, reason, action)
VALUES (NULL, 1, 'not_displayed', 'alert'),
       (NULL, 2, 'not_accepted', 'alert'),
       (NULL, 3, 'not_accepted', 'webhook');

-- The shortest limit of all is asked for twice a second.
CREATE INDEX restaurants_display_within ON restaurants (display_within_s);
CREATE INDEX restaurants_accept_within ON restaurants (accept_within_s);
CREATE INDEX restaurants_reject_after ON restaurants (reject_after_s);
CREATE INDEX escalation_steps_after ON escalation_steps (after_s);

-- The timers: an order that was still PENDING when the shortest limit of all had passed, and when to look at
-- it next. No foreign key: checking it would lock the order's row, which only holders of a stream's row may.
CREATE TABLE order_watches (
    order_id      uuid PRIMARY KEY,
    restaurant_id uuid NOT NULL,
    next_at       timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX order_watches_due ON order_watches (next_at);

-- The steps that were taken, each once per order. A row with next_at is still to be sent to somebody outside.
CREATE TABLE order_alerts (
    order_id      uuid NOT NULL,
    step          smallint NOT NULL,
    restaurant_id uuid NOT NULL,
    at            timestamptz NOT NULL,
    reason        text NOT NULL,
    action        text NOT NULL,
    target        text,
    waiting_ms    bigint NOT NULL,                       -- since the order was placed
    outcome       text NOT NULL CHECK (outcome IN ('waiting', 'done', 'skipped', 'failed')),
    detail        text,                                  -- why skipped or failed, or how the last try ended
    delivery_id   uuid NOT NULL,                         -- the same in every try
    attempts      smallint NOT NULL DEFAULT 0,
    next_at       timestamptz,                           -- of the next try; null: there is none
    finished_at   timestamptz,
    PRIMARY KEY (order_id, step),
    CHECK ((outcome = 'waiting') = (next_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX order_alerts_waiting ON order_alerts (next_at) WHERE next_at IS NOT NULL;

-- Where a restaurant wants to be told.
CREATE TABLE webhooks (
    restaurant_id uuid PRIMARY KEY REFERENCES restaurants (id),
    url           text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 1000),
    secret        bytea NOT NULL,                        -- 32 bytes, AES-256-GCM, shared/column_cipher.h
    created_at    timestamptz NOT NULL
);
