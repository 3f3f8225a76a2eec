-- What the agents' workspace needs: who has read what and is here, what is half written, saved filters, promises at risk.
ALTER TABLE tickets_ticket ADD COLUMN sla_at_risk BIGINT NOT NULL DEFAULT 0;
-- The flag is a column of its index: SQLite then takes it without having counted anything.
CREATE INDEX tickets_ticket_at_risk ON tickets_ticket (sla_at_risk, number) WHERE sla_at_risk = 1;
CREATE INDEX tickets_ticket_broken ON tickets_ticket (sla_breached, number)
    WHERE sla_breached = 1 AND status NOT IN ('RESOLVED', 'CLOSED', 'CANCELLED');

-- seen: the number of the last comment that was on the person's screen.
CREATE TABLE tickets_reader (
    ticket_id TEXT NOT NULL REFERENCES tickets_ticket (id),
    person_id TEXT NOT NULL,
    seen BIGINT NOT NULL,
    here_until BIGINT NOT NULL,
    writing_until BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, person_id)
);

CREATE TABLE tickets_draft (
    person_id TEXT NOT NULL,
    ticket_id TEXT NOT NULL REFERENCES tickets_ticket (id),
    body TEXT NOT NULL,
    internal BIGINT NOT NULL,
    saved_at BIGINT NOT NULL,
    PRIMARY KEY (person_id, ticket_id)
);

CREATE TABLE tickets_saved_filter (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX tickets_saved_filter_person ON tickets_saved_filter (person_id, id);
