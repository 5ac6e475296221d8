-- Whose key a person's data is encrypted with (shared/data_key.h), how it is found by phone number, and what is kept of
-- those who have been erased.

-- An order's personal columns are encrypted with its customer's key, or, of a guest, with a key of the order's own. Orders
-- from before this have them under the wrapping key itself. All of them are null once the order was erased.
ALTER TABLE orders
    ADD COLUMN data_key    bytea,                        -- wrapped; null: the customer's, or none
    ADD COLUMN phone_index bytea CHECK (octet_length(phone_index) = 32), -- shared/blind_index.h, per restaurant
    ALTER COLUMN customer_name DROP NOT NULL,
    ALTER COLUMN customer_phone DROP NOT NULL,
    ALTER COLUMN customer_address DROP NOT NULL;
CREATE INDEX orders_by_phone ON orders (restaurant_id, phone_index, id DESC) WHERE phone_index IS NOT NULL;

-- The data key of each registered customer. Erasure leaves the row, without the key.
CREATE TABLE subject_keys (
    id           uuid PRIMARY KEY,                       -- the key's name
    user_id      uuid NOT NULL UNIQUE,
    wrapped      bytea,
    created_at   timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);

-- What the law wants kept of an erased order, as a contract: out of everybody's reach but an administrator's, each with
-- a key of its own, until its time is over.
CREATE TABLE statutory_records (
    order_id      uuid PRIMARY KEY,
    restaurant_id uuid NOT NULL,
    user_id       uuid,                                  -- null: a guest's
    ordered_at    timestamptz NOT NULL,
    erased_at     timestamptz NOT NULL DEFAULT now(),
    keep_until    timestamptz NOT NULL,
    data_key      bytea NOT NULL,                        -- wrapped
    record        bytea NOT NULL                         -- name, phone and address; what was sold is in order_events
);
CREATE INDEX statutory_records_by_end ON statutory_records (keep_until);

-- The wrapping key that a stored value depends on, by its kid; null: a data key (shared/column_cipher.h).
CREATE FUNCTION wrapping_key_of(stored bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE get_byte(stored, 0) WHEN 1 THEN convert_from(substring(stored FROM 3 FOR get_byte(stored, 1)), 'UTF8') END;

-- Whoever was erased places no order any more, also not with a request that was let in before the news of it.
ALTER TABLE revocations ADD COLUMN erased boolean NOT NULL DEFAULT false;
