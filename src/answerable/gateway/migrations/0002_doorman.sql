-- Where the users feature runs elsewhere, the gateway knows people by what their events say, and tokens by public keys.
CREATE TABLE gateway_person (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    roles TEXT NOT NULL,
    active BIGINT NOT NULL,
    session_version BIGINT NOT NULL
);
CREATE TABLE gateway_key (
    kid TEXT PRIMARY KEY,
    public_key TEXT NOT NULL
);
-- The probe's row is every service's now (infra/bus).
DROP TABLE gateway_probe;
