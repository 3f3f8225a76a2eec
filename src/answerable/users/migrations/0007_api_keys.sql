-- Keys of programs, by their hash. Without person_id a key acts by itself, with roles. revoked_at ends it at once.
CREATE TABLE users_key (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    hint TEXT NOT NULL,
    name TEXT NOT NULL,
    person_id TEXT NOT NULL,
    roles TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX users_key_hash ON users_key (hash);
CREATE INDEX users_key_person ON users_key (person_id, created_at);
CREATE INDEX users_key_created ON users_key (created_at, id);
