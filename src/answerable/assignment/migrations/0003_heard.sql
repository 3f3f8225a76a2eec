-- The sequence of the newest message about a person: whoever is told that they were chosen may not have heard it yet.
ALTER TABLE assignment_agent ADD COLUMN last_sequence BIGINT NOT NULL DEFAULT 0;
