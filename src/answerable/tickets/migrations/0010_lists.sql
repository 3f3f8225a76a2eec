-- Lists of one person's tickets, or of one status, are filtered and counted by what their index knows, without the tickets.
DROP INDEX tickets_ticket_requester;
CREATE INDEX tickets_ticket_requester
    ON tickets_ticket (requester_id, number, status, category, priority_rank, public_at);
DROP INDEX tickets_ticket_agent;
CREATE INDEX tickets_ticket_agent ON tickets_ticket (agent_id, number, status, category, priority_rank)
    WHERE agent_id IS NOT NULL;
DROP INDEX tickets_ticket_status;
CREATE INDEX tickets_ticket_status ON tickets_ticket (status, number, category, priority_rank);
