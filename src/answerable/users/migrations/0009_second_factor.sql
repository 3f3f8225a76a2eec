-- Second factors. state is DUE (needed, since when), OFFERED (shown, not confirmed) or ON. secret is sealed with the desk's
-- secret; last_step is the time step whose code was used last, which is not taken again.
CREATE TABLE users_second (
    person_id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    secret TEXT NOT NULL,
    last_step BIGINT NOT NULL,
    since BIGINT NOT NULL
);
-- Recovery codes that were not used, by a keyed hash.
CREATE TABLE users_recovery (
    hash TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX users_recovery_person ON users_recovery (person_id);
-- Sign-ins that wait for their second step, by the hash of their token. purpose is CODE or SETUP.
CREATE TABLE users_challenge (
    hash TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    session_version BIGINT NOT NULL,
    purpose TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX users_challenge_person ON users_challenge (person_id);
CREATE INDEX users_challenge_expiry ON users_challenge (expires_at);
