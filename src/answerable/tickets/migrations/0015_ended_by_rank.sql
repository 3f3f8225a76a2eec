-- What an agent has worked on in the order of priorities: a search in that order begins with it.
CREATE INDEX tickets_ticket_ended_held_rank ON tickets_ticket (agent_id, priority_rank, number, status)
    WHERE '' || status IN ('CLOSED', 'CANCELLED');
