-- What is known of each ticket. last_sequence is the newest message of answerable.tickets that made this row; 0 where
-- only the SLA has spoken so far: such a row is not counted yet.
CREATE TABLE reporting_ticket (
    ticket_id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    category TEXT NOT NULL,
    requester_id TEXT NOT NULL,
    agent_id TEXT,
    created_at BIGINT NOT NULL,
    first_response_at BIGINT,
    resolved_at BIGINT,
    closed_at BIGINT,
    resolution BIGINT,
    reopenings BIGINT NOT NULL DEFAULT 0,
    waiting_periods BIGINT NOT NULL DEFAULT 0,
    sla_due_at BIGINT,
    sla_cycle BIGINT NOT NULL DEFAULT 0,
    sla_breached BIGINT NOT NULL DEFAULT 0,
    breached_at BIGINT,
    last_sequence BIGINT NOT NULL DEFAULT 0,
    resolved_sequence BIGINT NOT NULL DEFAULT 0,
    closed_sequence BIGINT NOT NULL DEFAULT 0,
    sla_sequence BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX reporting_ticket_created ON reporting_ticket (created_at);
CREATE INDEX reporting_ticket_resolution ON reporting_ticket (resolution) WHERE resolution IS NOT NULL;
CREATE INDEX reporting_ticket_breached ON reporting_ticket (breached_at, ticket_id) WHERE sla_breached = 1;

-- How many tickets are alike, and how long the resolved ones (measured) took: whole seconds and the microseconds
-- beyond them, so that no sum can overflow. Changed in the unit of work that changes a ticket's row.
CREATE TABLE reporting_count (
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    assigned BIGINT NOT NULL,
    breached BIGINT NOT NULL,
    tickets BIGINT NOT NULL,
    measured BIGINT NOT NULL,
    seconds BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    PRIMARY KEY (status, priority, assigned, breached)
);

-- A mirror of the people who are or were agents, fed by USER_REGISTERED and USER_CHANGED.
CREATE TABLE reporting_agent (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    active BIGINT NOT NULL,
    last_sequence BIGINT NOT NULL
);
