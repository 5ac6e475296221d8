-- Menus: what restaurants sell, in which variants, and what it costs when. A row of `menus` is a category.
-- Whoever changes a menu first locks the restaurant's row in restaurant_streams, like those who write orders or stock:
-- so changes of a menu come one after the other, and an order meets a menu either before or after a change.

COMMENT ON TABLE menus IS 'The categories of a restaurant''s menu';
ALTER TABLE menus ADD COLUMN description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 1000);
ALTER TABLE menu_items DROP CONSTRAINT menu_items_menu_id_fkey;
ALTER TABLE menus DROP CONSTRAINT menus_pkey, ADD PRIMARY KEY (restaurant_id, id); -- the tenant is part of the key
ALTER TABLE menu_items ADD FOREIGN KEY (restaurant_id, menu_id) REFERENCES menus (restaurant_id, id);

-- sold_out_until counts while `available` is off: from then on the item is there again. Null: until somebody says so.
-- has_terms: what an order has to pay cannot be read from this row alone, because there are options or price rules.
ALTER TABLE menu_items
    ADD COLUMN description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 1000),
    ADD COLUMN image_url text CHECK (char_length(image_url) <= 500),
    ADD COLUMN allergens text[] NOT NULL DEFAULT '{}',
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN sold_out_until timestamptz,
    ADD COLUMN low_stock integer CHECK (low_stock >= 0),  -- warn when the stock is so small; null: never
    ADD COLUMN low_stock_told boolean NOT NULL DEFAULT false,
    ADD COLUMN has_terms boolean NOT NULL DEFAULT false;

CREATE TABLE option_groups (
    id            uuid NOT NULL,
    restaurant_id uuid NOT NULL REFERENCES restaurants (id),
    item_id       uuid NOT NULL,
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    min_choices   integer NOT NULL CHECK (min_choices >= 0), -- from 1 on: the customer must choose
    max_choices   integer NOT NULL CHECK (max_choices >= 1 AND max_choices >= min_choices),
    position      integer NOT NULL DEFAULT 0,
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (restaurant_id, id),
    FOREIGN KEY (restaurant_id, item_id) REFERENCES menu_items (restaurant_id, id) ON DELETE CASCADE
);
CREATE INDEX option_groups_by_item ON option_groups (restaurant_id, item_id);

CREATE TABLE item_options (
    id             uuid NOT NULL,
    restaurant_id  uuid NOT NULL REFERENCES restaurants (id),
    group_id       uuid NOT NULL,
    name           text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    extra_amount   bigint NOT NULL DEFAULT 0 CHECK (extra_amount BETWEEN 0 AND 1000000000),
    available      boolean NOT NULL DEFAULT true,
    sold_out_until timestamptz,
    position       integer NOT NULL DEFAULT 0,
    version        bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (restaurant_id, id),
    FOREIGN KEY (restaurant_id, group_id) REFERENCES option_groups (restaurant_id, id) ON DELETE CASCADE
);
CREATE INDEX item_options_by_group ON item_options (restaurant_id, group_id);

-- What an item costs at certain times of the week, on the clock of the restaurant: an item, a category, or all items
-- (both null). Of several rules that hold one counts: an item's before its category's before one of all, then the
-- greatest priority, then the smallest id.
CREATE TABLE price_rules (
    id            uuid NOT NULL,
    restaurant_id uuid NOT NULL REFERENCES restaurants (id),
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    item_id       uuid,
    category_id   uuid,
    weekdays      integer[] NOT NULL CHECK (cardinality(weekdays) BETWEEN 1 AND 7 AND weekdays <@ '{1,2,3,4,5,6,7}'),
    starts        time NOT NULL,
    ends          time NOT NULL,                            -- not after starts: on the next day
    percent       integer CHECK (percent BETWEEN -100 AND 300),
    amount        bigint CHECK (amount BETWEEN 0 AND 1000000000),
    priority      integer NOT NULL DEFAULT 0,
    active        boolean NOT NULL DEFAULT true,
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (restaurant_id, id),
    FOREIGN KEY (restaurant_id, item_id) REFERENCES menu_items (restaurant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (restaurant_id, category_id) REFERENCES menus (restaurant_id, id) ON DELETE CASCADE,
    CHECK (num_nonnulls(percent, amount) = 1),
    CHECK (num_nonnulls(item_id, category_id) <= 1)
);

-- Whether a rule holds at a moment of the restaurant's clock. Weekdays are ISO's: 1 is Monday. A time that the clock
-- leaps over has no moment in which it could hold; one that it shows twice has two.
CREATE FUNCTION rule_holds(weekdays integer[], starts time, ends time, moment timestamp) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN starts < ends THEN moment::time >= starts AND moment::time < ends
                            AND extract(isodow FROM moment)::integer = ANY (weekdays)
    ELSE moment::time >= starts AND extract(isodow FROM moment)::integer = ANY (weekdays)
         OR moment::time < ends AND extract(isodow FROM moment - interval '1 day')::integer = ANY (weekdays)
END;

-- What one of an item costs at that moment, without options. Halves of the smallest unit are rounded up.
CREATE FUNCTION rule_amount(restaurant uuid, item uuid, category uuid, usual bigint, moment timestamp) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    chosen record;
BEGIN
    SELECT rule.percent, rule.amount INTO chosen
      FROM price_rules rule
     WHERE rule.restaurant_id = restaurant AND rule.active
       AND (rule.item_id = item OR rule.category_id = category OR num_nonnulls(rule.item_id, rule.category_id) = 0)
       AND rule_holds(rule.weekdays, rule.starts, rule.ends, moment)
     ORDER BY rule.item_id IS NULL, rule.category_id IS NULL, rule.priority DESC, rule.id
     LIMIT 1;
    RETURN CASE WHEN NOT FOUND THEN usual
                ELSE coalesce(chosen.amount, floor((usual * (100 + chosen.percent) + 50) / 100.0)::bigint) END;
END $$;

CREATE TYPE public_order_option AS (option_id uuid, group_name text, name text, amount bigint);
ALTER TYPE public_order_item ADD ATTRIBUTE options json; -- those that were chosen; unit_amount has theirs in it

-- On which terms a line of an order is taken, for items that have_terms and lines with options.
-- problem: null, or unknown_option, option_unavailable (culprit: the option), option_count (culprit: the group of which
-- there are too few or too many).
CREATE TYPE line_terms AS (unit_amount bigint, options json, problem text, culprit uuid);
CREATE FUNCTION find_line_terms(restaurant uuid, item uuid, category uuid, usual bigint, chosen uuid[], at timestamptz)
RETURNS line_terms LANGUAGE plpgsql STABLE AS $$
DECLARE
    terms line_terms;
BEGIN
    SELECT usual_now.amount + coalesce(sum(pick.extra_amount), 0),
           coalesce(array_to_json(array_agg(ROW (pick.id, pick.group_name, pick.name, pick.extra_amount)::public_order_option
                                            ORDER BY pick.n) FILTER (WHERE pick.n IS NOT NULL)), '[]'),
           CASE WHEN bool_or(NOT pick.is_known) THEN 'unknown_option'
                WHEN bool_or(NOT pick.is_available) THEN 'option_unavailable' END,
           coalesce((array_agg(pick.id) FILTER (WHERE NOT pick.is_known))[1],
                    (array_agg(pick.id) FILTER (WHERE NOT pick.is_available))[1])
      INTO terms
      FROM (SELECT rule_amount(restaurant, item, category, usual, at AT TIME ZONE r.time_zone) AS amount
              FROM restaurants r WHERE r.id = restaurant) usual_now
      LEFT JOIN (SELECT choice.id, choice.n, g.id IS NOT NULL AS is_known, g.name AS group_name, o.name, o.extra_amount,
                        o.available OR coalesce(o.sold_out_until <= at, false) AS is_available
                   FROM unnest(chosen) WITH ORDINALITY AS choice (id, n)
                   LEFT JOIN item_options o ON o.restaurant_id = restaurant AND o.id = choice.id
                   LEFT JOIN option_groups g ON g.restaurant_id = restaurant AND g.id = o.group_id AND g.item_id = item
                ) pick ON true
     GROUP BY usual_now.amount;
    IF terms.problem IS NULL THEN
        SELECT 'option_count', g.id INTO terms.problem, terms.culprit
          FROM option_groups g
         WHERE g.restaurant_id = restaurant AND g.item_id = item
           AND (SELECT count(*) FROM item_options o
                 WHERE o.restaurant_id = restaurant AND o.group_id = g.id AND o.id = ANY (chosen))
               NOT BETWEEN g.min_choices AND g.max_choices
         ORDER BY g.position, g.id
         LIMIT 1;
    END IF;
    RETURN terms;
END $$;

ALTER TABLE orders ADD COLUMN line_notes bytea; -- encrypted like `note`: what the customer wrote to single lines

-- Adds an event that is the restaurant's alone to its stream: public data only, one JSON object in one line. Returns its
-- number. Until the transaction ends nobody else writes to the stream, so whoever is to change orders, stock or the menu
-- locks the stream (lock_streams.sql) before that. The first statement that calls it in a transaction may wait.
CREATE FUNCTION emit_restaurant_event(restaurant uuid, event_type text, subject uuid, event_data text,
                                      event_traceparent text DEFAULT '')
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    event  uuid := gen_random_uuid();
    at     timestamptz;
    number bigint;
BEGIN
    PERFORM FROM restaurant_streams WHERE restaurant_id = restaurant FOR UPDATE;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING MESSAGE = 'there is no such stream';
    END IF;
    at := date_trunc('milliseconds', clock_timestamp()); -- behind the wait, so that times ascend with numbers
    UPDATE restaurant_streams SET seq = seq + 1, last_event_id = event, updated_at = at
     WHERE restaurant_id = restaurant
    RETURNING seq INTO number;
    INSERT INTO order_events (restaurant_id, seq, order_id, order_version, id, type, time, traceparent, data)
    VALUES (restaurant, number, subject, NULL, event, event_type, at, event_traceparent, event_data);
    RETURN number;
END $$;
