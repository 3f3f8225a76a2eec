-- Full-text indexes over the tables themselves: no second copy of the words. New rows are taken up once per commit
-- (infra/database/search.py); the triggers only touch rows that have been.
CREATE VIRTUAL TABLE tickets_ticket_fts USING fts5 (
    title, description, content='tickets_ticket', content_rowid='number', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER tickets_ticket_fts_update AFTER UPDATE OF title, description ON tickets_ticket
WHEN (old.title <> new.title OR old.description <> new.description)
AND EXISTS (SELECT 1 FROM tickets_ticket_fts_docsize WHERE id = old.number)
BEGIN
    INSERT INTO tickets_ticket_fts (tickets_ticket_fts, rowid, title, description)
    VALUES ('delete', old.number, old.title, old.description);
    INSERT INTO tickets_ticket_fts (rowid, title, description) VALUES (new.number, new.title, new.description);
END;
CREATE TRIGGER tickets_ticket_fts_delete AFTER DELETE ON tickets_ticket
WHEN EXISTS (SELECT 1 FROM tickets_ticket_fts_docsize WHERE id = old.number)
BEGIN
    INSERT INTO tickets_ticket_fts (tickets_ticket_fts, rowid, title, description)
    VALUES ('delete', old.number, old.title, old.description);
END;

CREATE VIRTUAL TABLE tickets_comment_fts USING fts5 (
    body, content='tickets_comment', content_rowid='number', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER tickets_comment_fts_delete AFTER DELETE ON tickets_comment
WHEN EXISTS (SELECT 1 FROM tickets_comment_fts_docsize WHERE id = old.number)
BEGIN
    INSERT INTO tickets_comment_fts (tickets_comment_fts, rowid, body) VALUES ('delete', old.number, old.body);
END;
