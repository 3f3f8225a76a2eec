-- What managers look at: promises at risk, escalations that are open, and the names of those who have the tickets.
CREATE INDEX sla_clock_at_risk ON sla_clock (due_at)
    WHERE warned_at IS NOT NULL AND breached_at IS NULL AND ended_at IS NULL AND due_at IS NOT NULL;
CREATE INDEX sla_escalation_open ON sla_escalation (at, id) WHERE ended_at IS NULL;
CREATE TABLE sla_person (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL
);
