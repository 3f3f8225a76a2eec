-- Guesses that failed, by a keyed hash of what they were about: no address and no account can be read here. failures is 0
-- for an address from which an account has signed in. Before until_at, nothing is tried again.
CREATE TABLE users_try (
    key TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX users_try_account ON users_try (account);
CREATE INDEX users_try_expiry ON users_try (expires_at);
