-- Keys of programs, by the hash of each, as the users feature told it; without person_id a key acts by itself, with roles.
CREATE TABLE gateway_api_key (
    fingerprint TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    person_id TEXT NOT NULL,
    roles TEXT NOT NULL,
    scopes TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked BIGINT NOT NULL
);
