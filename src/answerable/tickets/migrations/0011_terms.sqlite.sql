-- The words of the indexes, in their order: for what a person has not typed to its end.
CREATE VIRTUAL TABLE tickets_ticket_fts_terms USING fts5vocab(tickets_ticket_fts, instance);
CREATE VIRTUAL TABLE tickets_comment_fts_terms USING fts5vocab(tickets_comment_fts, instance);
