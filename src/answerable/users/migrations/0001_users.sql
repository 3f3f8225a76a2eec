-- People. email_key and name_key are folded for comparing and searching; roles is a list in the order of rules.ROLES.
CREATE TABLE users_person (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    roles TEXT NOT NULL,
    active BIGINT NOT NULL,
    session_version BIGINT NOT NULL,
    verified_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_person_email ON users_person (email_key);
CREATE INDEX users_person_newest ON users_person (created_at, id);
CREATE INDEX users_person_staff ON users_person (name_key, id) WHERE roles <> 'USER';

-- Registrations that wait until their address is confirmed. Several may want one address; the first confirmed gets it.
CREATE TABLE users_pending (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX users_pending_email ON users_pending (email_key, created_at);
CREATE INDEX users_pending_expiry ON users_pending (expires_at);

-- Refresh tokens, hashed. A family is one sign-in; jti is the access token that was given out with the row.
CREATE TABLE users_refresh (
    hash TEXT PRIMARY KEY,
    family TEXT NOT NULL,
    person_id TEXT NOT NULL,
    jti TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX users_refresh_family ON users_refresh (family);
CREATE INDEX users_refresh_person ON users_refresh (person_id);
CREATE UNIQUE INDEX users_refresh_jti ON users_refresh (jti);
CREATE INDEX users_refresh_expiry ON users_refresh (expires_at);

-- Single-use links. The token itself is never stored: it is derived from id and purpose with the desk's secret.
CREATE TABLE users_link (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    person_id TEXT,
    token_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE UNIQUE INDEX users_link_token ON users_link (token_hash);
CREATE INDEX users_link_person ON users_link (person_id, purpose);
CREATE INDEX users_link_expiry ON users_link (expires_at);

-- Mails about accounts. due_at is when to look at it again, null when it is finished.
CREATE TABLE users_mail (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    link_id TEXT,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX users_mail_due ON users_mail (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX users_mail_recipient ON users_mail (recipient_key, created_at);
CREATE INDEX users_mail_expiry ON users_mail (expires_at);

-- Keys that sign access tokens. private_key is sealed with the desk's secret.
CREATE TABLE users_signing_key (
    kid TEXT PRIMARY KEY,
    private_key TEXT NOT NULL,
    public_key TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Who changed whom. Only ever added to.
CREATE TABLE users_audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    person_id TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX users_audit_newest ON users_audit (at, id);
