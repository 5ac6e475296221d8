-- Revoked users and sessions: the tokens issued to a user up to a moment, and every token of a session, are
-- worth nothing. A row is kept as long as such a token could live (OSY_JWT_LIFE_MAX_S); revoking again moves
-- revoked_at on.
CREATE TABLE revocations (
    kind       text NOT NULL CHECK (kind IN ('user', 'session')),
    id         uuid NOT NULL,
    revoked_at timestamptz NOT NULL,
    reason     text CHECK (char_length(reason) BETWEEN 1 AND 200),
    PRIMARY KEY (kind, id)
);
-- What came since the last look, and what is old enough to go.
CREATE INDEX revocations_by_time ON revocations (revoked_at);
