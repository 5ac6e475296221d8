-- What a request with an Idempotency-Key was answered, so that its repetition gets the same. For requests that
-- api/db/idempotency.h guards; orders point at their events instead (idempotency).
CREATE TABLE request_replies (
    key_hash   bytea PRIMARY KEY CHECK (octet_length(key_hash) = 32),  -- SHA-256 of caller, route and key
    body_hash  bytea NOT NULL CHECK (octet_length(body_hash) = 32),    -- SHA-256 of key, path, query and body
    user_id    uuid,                                                   -- null: a guest's
    status     smallint NOT NULL CHECK (status BETWEEN 200 AND 299),
    body       bytea NOT NULL CHECK (octet_length(body) <= 66000),     -- AES-256-GCM, shared/column_cipher.h
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX request_replies_by_age ON request_replies (created_at);
CREATE INDEX request_replies_by_user ON request_replies (user_id) WHERE user_id IS NOT NULL; -- who is erased

-- On which of the restaurant's devices a change was made, as the device says. Not part of the public data.
ALTER TABLE order_events ADD COLUMN device text CHECK (device ~ '^[A-Za-z0-9_-]{1,64}$');
