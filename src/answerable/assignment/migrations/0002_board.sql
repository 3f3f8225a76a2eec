-- What managers read: titles, mirrored from the tickets feature, and who has what, the most urgent first.
ALTER TABLE assignment_ticket ADD COLUMN title TEXT NOT NULL DEFAULT '';
CREATE INDEX assignment_ticket_held ON assignment_ticket (agent_id, urgency, created_at, number)
    WHERE status IN ('ASSIGNED', 'IN_PROGRESS', 'WAITING');
