-- A seal covers the digest of each message, made with a number of its own from salts. Where a message loses its words
-- (somebody was erased), its digest goes to bus_redaction and its number is blotted out: the chain still holds, and
-- nobody can guess what the words were. former is the hash of a seal that was made before seals had numbers.
ALTER TABLE bus_seal ADD COLUMN salts TEXT;
ALTER TABLE bus_seal ADD COLUMN former TEXT;
CREATE TABLE bus_redaction (
    position BIGINT PRIMARY KEY,
    digest TEXT NOT NULL,
    proof TEXT NOT NULL,
    at BIGINT NOT NULL
);
-- How often unsealed messages lost words: a seal that was made meanwhile is made again.
CREATE TABLE bus_rewriting (
    id BIGINT PRIMARY KEY,
    times BIGINT NOT NULL,
    scrub_at BIGINT
);
INSERT INTO bus_rewriting (id, times) VALUES (1, 0);
