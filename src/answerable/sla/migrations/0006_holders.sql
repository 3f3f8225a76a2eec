-- Who had a ticket from when on; NULL is nobody. What was before this table is told as if it had always been so.
CREATE TABLE sla_holder (
    ticket_id TEXT NOT NULL REFERENCES sla_ticket (id),
    since BIGINT NOT NULL,
    agent_id TEXT,
    PRIMARY KEY (ticket_id, since)
);
INSERT INTO sla_holder (ticket_id, since, agent_id)
SELECT id, created_at, agent_id FROM sla_ticket WHERE agent_id IS NOT NULL;

-- The broken promises, as the report of them lists them.
CREATE INDEX sla_clock_broken ON sla_clock (breached_at, id) WHERE breached_at IS NOT NULL;
