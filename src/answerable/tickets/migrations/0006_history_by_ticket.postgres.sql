-- A line of history is only ever read with its ticket: one index in that order is enough.
DROP INDEX tickets_history_ticket;
ALTER TABLE tickets_history DROP CONSTRAINT tickets_history_pkey;
ALTER TABLE tickets_history ADD PRIMARY KEY (ticket_id, id);
