-- Whom and what a delivery is about is asked for when they are erased: by index, some at a time.
ALTER TABLE webhooks_delivery ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE webhooks_delivery ADD COLUMN author_id TEXT NOT NULL DEFAULT '';
CREATE INDEX webhooks_delivery_subject ON webhooks_delivery (subject);
CREATE INDEX webhooks_delivery_author ON webhooks_delivery (author_id) WHERE author_id <> '';
-- Who and what was erased, and as of which version of a ticket: what is told of them later by others who have not heard
-- yet goes without those words, too. more_at is when to look for more deliveries; nothing where all are gone.
CREATE TABLE webhooks_erased (
    subject TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    more_at BIGINT
);
CREATE INDEX webhooks_erased_more ON webhooks_erased (more_at) WHERE more_at IS NOT NULL;
