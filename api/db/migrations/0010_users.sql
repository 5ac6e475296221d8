-- People: who they are, which restaurants are theirs, and where they are signed in. E-mail addresses, names, the secrets
-- of second factors and what a session tells of its device are AES-256-GCM (shared/column_cipher.h).

CREATE TABLE users (
    id              uuid PRIMARY KEY,
    role            text NOT NULL CHECK (role IN ('customer', 'staff', 'owner', 'admin')),
    email           bytea NOT NULL,
    name            bytea NOT NULL,
    password_hash   text NOT NULL,                   -- api/auth/password.h
    totp_secret     bytea,                           -- offered, or in use:
    totp_enabled_at timestamptz,                     -- null until a code has proved that the person has it
    totp_last_step  bigint NOT NULL DEFAULT 0,       -- the step of the last code: none is good twice
    disabled_at     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (totp_enabled_at IS NULL OR totp_secret IS NOT NULL)
);

-- How a person is found: the blind index of the address (shared/blind_index.h), and nothing that is personal. It is
-- looked up before anybody knows in whose name, so it is a table of its own, outside of row-level security.
CREATE TABLE user_emails (
    email_index bytea PRIMARY KEY CHECK (octet_length(email_index) = 32),
    user_id     uuid NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE memberships (
    user_id       uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    restaurant_id uuid NOT NULL REFERENCES restaurants (id),
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, restaurant_id)
);
CREATE INDEX memberships_by_restaurant ON memberships (restaurant_id);

-- One row for each use that a lost second factor can still be replaced; a used one is deleted.
CREATE TABLE recovery_codes (
    user_id   uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    PRIMARY KEY (user_id, code_hash)
);

-- A session is a sign-in on one device, and the family of the refresh tokens that follow each other in it.
CREATE TABLE sessions (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash    bytea NOT NULL CHECK (octet_length(token_hash) = 32), -- SHA-256 of the refresh token
    previous_hash bytea,                             -- and of the one before
    rotated_at    timestamptz NOT NULL,              -- when it took the place of the one before
    device        bytea,                             -- as the client calls it
    address       bytea NOT NULL,                    -- where it was last seen
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_seen_at  timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz,                       -- before its time,
    ended_for     text                               -- and why
);
CREATE INDEX sessions_by_user ON sessions (user_id, last_seen_at DESC) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The refresh tokens that were exchanged for another: who shows one of them again has stolen it, or was robbed.
CREATE TABLE spent_tokens (
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id    uuid NOT NULL,
    token_hash bytea NOT NULL,
    PRIMARY KEY (session_id, token_hash)
);

-- Attempts to sign in, counted by account and by address before they are made. The key is a keyed digest of either, so
-- that it tells nothing, and the same for an address that nobody has registered.
CREATE TABLE login_attempts (
    key          bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    failures     integer NOT NULL,
    last_at      timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX login_attempts_by_age ON login_attempts (last_at);
