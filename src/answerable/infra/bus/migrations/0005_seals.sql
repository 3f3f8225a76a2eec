-- The chain over the event log: each seal covers the messages behind the one before it, and that one's hash.
CREATE TABLE bus_seal (
    number BIGINT PRIMARY KEY,
    last BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    hash TEXT NOT NULL,
    mark TEXT NOT NULL,
    sealed_at BIGINT NOT NULL
);
