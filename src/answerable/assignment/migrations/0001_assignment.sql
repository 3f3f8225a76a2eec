-- Every person the desk knows, for anybody may become an agent: mirrored from USER_REGISTERED and USER_CHANGED.
-- open_tickets counts their tickets that are ASSIGNED, IN_PROGRESS or WAITING, load also those just offered to them.
CREATE TABLE assignment_agent (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    is_agent BIGINT NOT NULL,
    active BIGINT NOT NULL,
    available BIGINT NOT NULL DEFAULT 1,
    capacity BIGINT,
    open_tickets BIGINT NOT NULL DEFAULT 0,
    load BIGINT NOT NULL DEFAULT 0,
    idle_since BIGINT NOT NULL,
    refusals BIGINT NOT NULL DEFAULT 0,
    rests_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX assignment_agent_turn ON assignment_agent (load, idle_since, id)
    WHERE is_agent = 1 AND active = 1 AND available = 1;
CREATE INDEX assignment_agent_name ON assignment_agent (name, id) WHERE is_agent = 1;

CREATE TABLE assignment_skill (
    agent_id TEXT NOT NULL,
    category TEXT NOT NULL,
    place BIGINT NOT NULL,
    PRIMARY KEY (agent_id, category)
);

-- Every ticket as the tickets feature last described it, and whom it was offered to since.
CREATE TABLE assignment_ticket (
    id TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    category TEXT NOT NULL,
    priority TEXT NOT NULL,
    urgency BIGINT NOT NULL,
    status TEXT NOT NULL,
    agent_id TEXT,
    assigned_at BIGINT,
    proposed_to TEXT,
    proposed_by TEXT,
    proposed_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX assignment_ticket_waiting ON assignment_ticket (urgency, created_at, number)
    WHERE status = 'CREATED' AND agent_id IS NULL AND proposed_to IS NULL;

-- The resolution promise of each ticket, mirrored from the SLA events, which may come before the ticket's own.
CREATE TABLE assignment_promise (
    ticket_id TEXT PRIMARY KEY,
    due_at BIGINT,
    escalated BIGINT NOT NULL DEFAULT 0
);
