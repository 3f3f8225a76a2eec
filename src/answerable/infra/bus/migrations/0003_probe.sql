-- One row that readiness writes, in every service, to know that the disk takes what it is given.
CREATE TABLE bus_probe (
    id BIGINT PRIMARY KEY,
    written_at BIGINT NOT NULL
);
