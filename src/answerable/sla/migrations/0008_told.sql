-- Whom a level told because of their role (people: their ids, as JSON): who had that role by then, and is heard of
-- later, is told then.
CREATE TABLE sla_told (
    clock_id TEXT NOT NULL REFERENCES sla_clock (id),
    number BIGINT NOT NULL,
    role TEXT NOT NULL,
    level TEXT NOT NULL,
    at BIGINT NOT NULL,
    people TEXT NOT NULL,
    PRIMARY KEY (clock_id, number, role)
);
CREATE INDEX sla_told_when ON sla_told (role, at);
