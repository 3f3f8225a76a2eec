-- A span of time is counted from an index alone: by when tickets were raised, solved, and late.
DROP INDEX reporting_ticket_created;
CREATE INDEX reporting_ticket_span ON reporting_ticket
    (created_at, status, priority, agent_id, sla_breached, resolution, first_response_at, last_sequence);
CREATE INDEX reporting_ticket_solved ON reporting_ticket (resolved_at) WHERE resolution IS NOT NULL;
DROP INDEX reporting_ticket_breached;
CREATE INDEX reporting_ticket_breached ON reporting_ticket (breached_at, ticket_id, last_sequence)
    WHERE sla_breached = 1;
