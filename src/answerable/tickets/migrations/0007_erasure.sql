-- Tickets whose words go because a person is erased: as their requester's, or only the person's name where they spoke.
CREATE TABLE tickets_erasing (
    ticket_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    PRIMARY KEY (ticket_id, person_id)
);
-- How many days after it was closed a ticket of a category keeps its words; a category without a row keeps them.
CREATE TABLE tickets_retention (
    category TEXT PRIMARY KEY,
    keep_days BIGINT NOT NULL
);
-- When all words of a ticket went because its time was over.
ALTER TABLE tickets_ticket ADD COLUMN emptied_at BIGINT;
CREATE INDEX tickets_ticket_ended ON tickets_ticket (category, closed_at)
    WHERE closed_at IS NOT NULL AND (emptied_at IS NULL OR emptied_at <= closed_at);
