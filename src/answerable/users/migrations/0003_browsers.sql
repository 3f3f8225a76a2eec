-- Browsers that are signed in, by the hash of their cookie. expires_at moves on while the desk is used, up to ends_at.
CREATE TABLE users_browser (
    hash TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    session_version BIGINT NOT NULL,
    device TEXT NOT NULL,
    zone TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_browser_id ON users_browser (id);
CREATE INDEX users_browser_person ON users_browser (person_id, seen_at);
CREATE INDEX users_browser_expiry ON users_browser (expires_at);

-- How people like the desk; an empty language or zone is what the browser says.
CREATE TABLE users_preference (
    person_id TEXT PRIMARY KEY,
    theme TEXT NOT NULL,
    density TEXT NOT NULL,
    language TEXT NOT NULL,
    zone TEXT NOT NULL,
    keys_on BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
