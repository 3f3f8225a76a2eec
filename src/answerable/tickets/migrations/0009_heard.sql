-- The sequence of the newest message about a person that is known here, or was known to whoever chose them for a ticket.
ALTER TABLE tickets_known_person ADD COLUMN last_sequence BIGINT NOT NULL DEFAULT 0;
