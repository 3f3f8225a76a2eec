-- A mirror of the tickets, as their last event described them: what a clock needs to say whom it concerns.
CREATE TABLE sla_ticket (
    id TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    title TEXT NOT NULL,
    category TEXT NOT NULL,
    priority TEXT NOT NULL,
    status TEXT NOT NULL,
    requester_id TEXT NOT NULL,
    agent_id TEXT,
    created_at BIGINT NOT NULL
);

-- One clock per ticket, target and cycle. due_at, warn_at and look_at are what the metric events add up to, kept for
-- the timer; version counts the metric events.
CREATE TABLE sla_clock (
    id TEXT PRIMARY KEY,
    ticket_id TEXT NOT NULL REFERENCES sla_ticket (id),
    target TEXT NOT NULL,
    cycle BIGINT NOT NULL,
    policy TEXT NOT NULL,
    target_micros BIGINT NOT NULL,
    warn_micros BIGINT,
    started_at BIGINT NOT NULL,
    applied_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT,
    warn_at BIGINT,
    look_at BIGINT,
    warned_at BIGINT,
    breached_at BIGINT,
    ended_at BIGINT,
    version BIGINT NOT NULL,
    UNIQUE (ticket_id, target, cycle)
);
CREATE INDEX sla_clock_look ON sla_clock (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX sla_clock_late ON sla_clock (breached_at) WHERE breached_at IS NOT NULL AND ended_at IS NULL;
CREATE INDEX sla_clock_open ON sla_clock (id) WHERE ended_at IS NULL;

-- What explains a clock: activate, pause, resume, apply_policy, warn, breach, fulfil, cancel. Never changed.
CREATE TABLE sla_metric (
    clock_id TEXT NOT NULL REFERENCES sla_clock (id),
    number BIGINT NOT NULL,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    target_micros BIGINT,
    detail TEXT NOT NULL,
    PRIMARY KEY (clock_id, number)
);

-- A manager was called in because of a clock, once per level. Open until the ticket is answered for good.
CREATE TABLE sla_escalation (
    id TEXT PRIMARY KEY,
    clock_id TEXT NOT NULL REFERENCES sla_clock (id),
    level BIGINT NOT NULL,
    ticket_id TEXT NOT NULL REFERENCES sla_ticket (id),
    agent_id TEXT,
    manager_id TEXT,
    role TEXT NOT NULL,
    priority TEXT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL,
    target TEXT NOT NULL,
    cycle BIGINT NOT NULL,
    ended_at BIGINT,
    UNIQUE (clock_id, level)
);
CREATE INDEX sla_escalation_at ON sla_escalation (at, id);
CREATE INDEX sla_escalation_manager ON sla_escalation (manager_id, at, id) WHERE manager_id IS NOT NULL;
CREATE INDEX sla_escalation_ticket ON sla_escalation (ticket_id);

-- A mirror of the people who can be called in, fed by USER_REGISTERED and USER_CHANGED.
CREATE TABLE sla_manager (
    id TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    active BIGINT NOT NULL,
    open_escalations BIGINT NOT NULL DEFAULT 0,
    escalated_at BIGINT
);
