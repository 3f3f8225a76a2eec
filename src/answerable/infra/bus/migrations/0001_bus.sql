-- The outbox is the desk's event log: written in the transaction of what happened, never changed afterwards.
CREATE TABLE bus_outbox (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    type TEXT NOT NULL,
    key TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    time BIGINT NOT NULL,
    actor TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    cause TEXT,
    depth BIGINT NOT NULL,
    trace TEXT,
    body TEXT NOT NULL
);
-- Gapless per topic and key, and the index by which one ticket's story is read.
CREATE UNIQUE INDEX bus_outbox_stream ON bus_outbox (key, topic, sequence);

-- What each consumer has already done; a repeat finds its row and does nothing.
CREATE TABLE bus_inbox (
    consumer TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (consumer, message)
);

-- How far each consumer has read.
CREATE TABLE bus_offset (
    consumer TEXT PRIMARY KEY,
    position BIGINT NOT NULL
);

-- Messages that a consumer could not do (first of a key) or that wait behind one (the others).
CREATE TABLE bus_retry (
    consumer TEXT NOT NULL,
    message TEXT NOT NULL,
    key TEXT NOT NULL,
    position BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    error TEXT,
    parked_at BIGINT,
    PRIMARY KEY (consumer, message)
);
CREATE INDEX bus_retry_due ON bus_retry (parked_at, next_at);
CREATE INDEX bus_retry_order ON bus_retry (consumer, key, position);

-- Answers to POSTs that came with an Idempotency-Key, written with the effect; encrypted, for they may hold tokens.
CREATE TABLE bus_idempotency (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    status BIGINT NOT NULL,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX bus_idempotency_age ON bus_idempotency (created_at);
