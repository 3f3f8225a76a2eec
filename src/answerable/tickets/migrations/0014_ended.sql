-- Nearly all tickets of an old desk have ended, and one that ends is taken up by these indexes once: a new ticket does not
-- touch them. They have what somebody raised, or worked on, in the orders and by the filters of lists (store/ways.py). The
-- condition is so written that an engine without figures takes none of the indexes of statuses for it.
CREATE INDEX tickets_ticket_ended_changed ON tickets_ticket (requester_id, public_at, number)
    WHERE '' || status IN ('CLOSED', 'CANCELLED');
CREATE INDEX tickets_ticket_ended_due ON tickets_ticket (requester_id, COALESCE(sla_due_at, 4611686018427387904), number)
    WHERE '' || status IN ('CLOSED', 'CANCELLED');
CREATE INDEX tickets_ticket_ended_rank ON tickets_ticket (requester_id, priority_rank, number, status, category)
    WHERE '' || status IN ('CLOSED', 'CANCELLED');
CREATE INDEX tickets_ticket_ended_own ON tickets_ticket (requester_id, category, priority_rank, number, status)
    WHERE '' || status IN ('CLOSED', 'CANCELLED');
CREATE INDEX tickets_ticket_ended_held ON tickets_ticket (agent_id, category, priority_rank, number, status)
    WHERE '' || status IN ('CLOSED', 'CANCELLED');
CREATE INDEX tickets_ticket_ended_all ON tickets_ticket (category, priority_rank, number, status)
    WHERE '' || status IN ('CLOSED', 'CANCELLED');
-- The few of somebody's that have not ended are found by their status, and so is each kind of those that have.
DROP INDEX tickets_ticket_requester;
CREATE INDEX tickets_ticket_requester
    ON tickets_ticket (requester_id, status, number, category, priority_rank, public_at);
