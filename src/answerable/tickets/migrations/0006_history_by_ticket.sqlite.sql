-- A line of history is only ever read with its ticket: one tree holds it, in that order, instead of a table and two indexes.
CREATE TABLE tickets_history_by_ticket (
    id TEXT NOT NULL,
    ticket_id TEXT NOT NULL REFERENCES tickets_ticket (id),
    action TEXT NOT NULL,
    performed_by TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, id)
) WITHOUT ROWID;
INSERT INTO tickets_history_by_ticket SELECT id, ticket_id, action, performed_by, description, created_at
FROM tickets_history ORDER BY ticket_id, id;
DROP TABLE tickets_history;
ALTER TABLE tickets_history_by_ticket RENAME TO tickets_history;
