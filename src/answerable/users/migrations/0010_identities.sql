-- Who comes in by an OpenID Connect provider: its name for somebody, and who that is here.
CREATE TABLE users_identity (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    person_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX users_identity_person ON users_identity (person_id);
