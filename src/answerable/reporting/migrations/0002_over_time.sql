-- What was raised and what was solved from one day to the next, counted from the index alone.
CREATE INDEX reporting_ticket_raised ON reporting_ticket (created_at) WHERE last_sequence > 0;
CREATE INDEX reporting_ticket_solved ON reporting_ticket (resolved_at) WHERE resolution IS NOT NULL;
