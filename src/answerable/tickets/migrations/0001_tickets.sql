CREATE TABLE tickets_counter (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO tickets_counter (name, last) VALUES ('ticket', 1000), ('comment', 0);

CREATE TABLE tickets_ticket (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    category TEXT NOT NULL,
    priority TEXT NOT NULL,
    priority_rank BIGINT NOT NULL,
    status TEXT NOT NULL,
    requester_id TEXT NOT NULL,
    agent_id TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    resolved_at BIGINT,
    closed_at BIGINT,
    close_at BIGINT,
    sla_due_at BIGINT,
    sla_breached BIGINT NOT NULL DEFAULT 0,
    reopenings BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL
);
CREATE INDEX tickets_ticket_requester ON tickets_ticket (requester_id, number);
CREATE INDEX tickets_ticket_agent ON tickets_ticket (agent_id, number) WHERE agent_id IS NOT NULL;
CREATE INDEX tickets_ticket_queue ON tickets_ticket (agent_id, status, number);
CREATE INDEX tickets_ticket_status ON tickets_ticket (status, number);
CREATE INDEX tickets_ticket_priority ON tickets_ticket (priority_rank, number);
CREATE INDEX tickets_ticket_updated ON tickets_ticket (updated_at, number);
CREATE INDEX tickets_ticket_due ON tickets_ticket (sla_due_at, number) WHERE sla_due_at IS NOT NULL;
CREATE INDEX tickets_ticket_close ON tickets_ticket (close_at) WHERE close_at IS NOT NULL;

CREATE TABLE tickets_comment (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    ticket_id TEXT NOT NULL REFERENCES tickets_ticket (id),
    author_id TEXT NOT NULL,
    author_role TEXT NOT NULL,
    body TEXT NOT NULL,
    internal BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX tickets_comment_ticket ON tickets_comment (ticket_id, number);

CREATE TABLE tickets_history (
    id TEXT PRIMARY KEY,
    ticket_id TEXT NOT NULL REFERENCES tickets_ticket (id),
    action TEXT NOT NULL,
    performed_by TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX tickets_history_ticket ON tickets_history (ticket_id, id);

CREATE TABLE tickets_category (
    code TEXT PRIMARY KEY,
    place BIGINT NOT NULL
);

-- A mirror of the people, fed by USER_REGISTERED and USER_CHANGED: names for screens, agents for assignments.
CREATE TABLE tickets_known_person (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    is_agent BIGINT NOT NULL,
    active BIGINT NOT NULL
);
