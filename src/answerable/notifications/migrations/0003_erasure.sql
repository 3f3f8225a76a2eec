-- To erase the words of a ticket, all that was told of it is looked up; a person's own mails, and what names them, are
-- looked for in all deliveries, some at a time, from the one behind (message_id, person_id) on.
CREATE INDEX notifications_delivery_ticket ON notifications_delivery (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE TABLE notifications_erasing (
    person_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    message_id TEXT NOT NULL,
    addressee TEXT NOT NULL
);
-- Tickets that lost their words: what is told of them later by others who have not heard yet has none either.
CREATE TABLE notifications_erased (
    ticket_id TEXT PRIMARY KEY
);
