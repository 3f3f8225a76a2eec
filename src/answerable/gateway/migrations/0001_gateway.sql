-- One row that readiness writes, to know that the disk takes what it is given.
CREATE TABLE gateway_probe (
    id BIGINT PRIMARY KEY,
    written_at BIGINT NOT NULL
);
