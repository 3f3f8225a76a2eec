-- How many tickets of an agent are alike, how many of them are resolved (measured) and had a first response. Changed in
-- the unit of work that changes a ticket's row.
CREATE TABLE reporting_agent_count (
    agent_id TEXT NOT NULL,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    breached BIGINT NOT NULL,
    tickets BIGINT NOT NULL,
    measured BIGINT NOT NULL,
    responded BIGINT NOT NULL,
    PRIMARY KEY (agent_id, status, priority, breached)
);
INSERT INTO reporting_agent_count (agent_id, status, priority, breached, tickets, measured, responded)
SELECT agent_id, status, priority, sla_breached, COUNT(*), COUNT(resolution), COUNT(first_response_at)
FROM reporting_ticket WHERE agent_id IS NOT NULL AND last_sequence > 0
GROUP BY agent_id, status, priority, sla_breached;

-- The middle of an agent's durations is found by its place, from an index alone: PostgreSQL wants what an expression is
-- made of to be in it as well.
CREATE INDEX reporting_ticket_of_agent ON reporting_ticket (agent_id, resolution) WHERE resolution IS NOT NULL;
CREATE INDEX reporting_ticket_answered ON reporting_ticket (agent_id, (first_response_at - created_at), first_response_at, created_at)
    WHERE first_response_at IS NOT NULL AND last_sequence > 0;
