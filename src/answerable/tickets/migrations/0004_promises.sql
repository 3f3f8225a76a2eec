-- When the requester of a ticket was promised to hear from somebody: a mirror of the response clocks that run, fed by
-- the SLA events. A ticket that nobody owes an answer has no row.
CREATE TABLE tickets_answer_due (
    ticket_id TEXT PRIMARY KEY,
    due_at BIGINT NOT NULL
);
