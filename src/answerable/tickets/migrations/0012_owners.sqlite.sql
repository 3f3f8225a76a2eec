-- Whose ticket it is stands in the index of words as one more word of it, which nobody can type (U+E000 before the id):
-- what one person has of a word is found in the index alone, however many others have it. Of a note among staff it is
-- left out. Indexes take up new rows from these views (infra/database/search.py).
DROP TRIGGER tickets_ticket_fts_update;
DROP TRIGGER tickets_ticket_fts_delete;
DROP TRIGGER tickets_comment_fts_update;
DROP TRIGGER tickets_comment_fts_delete;
DROP TABLE tickets_ticket_fts_terms;
DROP TABLE tickets_comment_fts_terms;
DROP TABLE tickets_ticket_fts;
DROP TABLE tickets_comment_fts;

CREATE VIEW tickets_ticket_fts_said AS
SELECT number, title, description, char(57344) || replace(requester_id, '-', '') AS owner FROM tickets_ticket;
CREATE VIRTUAL TABLE tickets_ticket_fts USING fts5 (
    title, description, owner,
    content='tickets_ticket_fts_said', content_rowid='number', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER tickets_ticket_fts_update AFTER UPDATE OF title, description ON tickets_ticket
WHEN (old.title <> new.title OR old.description <> new.description)
AND EXISTS (SELECT 1 FROM tickets_ticket_fts_docsize WHERE id = old.number)
BEGIN
    INSERT INTO tickets_ticket_fts (tickets_ticket_fts, rowid, title, description, owner)
    VALUES ('delete', old.number, old.title, old.description, char(57344) || replace(old.requester_id, '-', ''));
    INSERT INTO tickets_ticket_fts (rowid, title, description, owner)
    VALUES (new.number, new.title, new.description, char(57344) || replace(new.requester_id, '-', ''));
END;
CREATE TRIGGER tickets_ticket_fts_delete AFTER DELETE ON tickets_ticket
WHEN EXISTS (SELECT 1 FROM tickets_ticket_fts_docsize WHERE id = old.number)
BEGIN
    INSERT INTO tickets_ticket_fts (tickets_ticket_fts, rowid, title, description, owner)
    VALUES ('delete', old.number, old.title, old.description, char(57344) || replace(old.requester_id, '-', ''));
END;

CREATE VIEW tickets_comment_fts_said AS
SELECT c.number, c.body, CASE WHEN c.internal = 0 THEN char(57344) || replace(t.requester_id, '-', '') ELSE '' END AS owner
FROM tickets_comment c CROSS JOIN tickets_ticket t WHERE t.id = c.ticket_id;
CREATE VIRTUAL TABLE tickets_comment_fts USING fts5 (
    body, owner,
    content='tickets_comment_fts_said', content_rowid='number', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER tickets_comment_fts_update AFTER UPDATE OF body ON tickets_comment
WHEN old.body <> new.body AND EXISTS (SELECT 1 FROM tickets_comment_fts_docsize WHERE id = old.number)
BEGIN
    INSERT INTO tickets_comment_fts (tickets_comment_fts, rowid, body, owner)
    SELECT 'delete', old.number, old.body, owner FROM tickets_comment_fts_said WHERE number = old.number;
    INSERT INTO tickets_comment_fts (rowid, body, owner)
    SELECT number, body, owner FROM tickets_comment_fts_said WHERE number = new.number;
END;
CREATE TRIGGER tickets_comment_fts_delete BEFORE DELETE ON tickets_comment
WHEN EXISTS (SELECT 1 FROM tickets_comment_fts_docsize WHERE id = old.number)
BEGIN
    INSERT INTO tickets_comment_fts (tickets_comment_fts, rowid, body, owner)
    SELECT 'delete', number, body, owner FROM tickets_comment_fts_said WHERE number = old.number;
END;

INSERT INTO tickets_ticket_fts (tickets_ticket_fts) VALUES ('rebuild');
INSERT INTO tickets_comment_fts (tickets_comment_fts) VALUES ('rebuild');
CREATE VIRTUAL TABLE tickets_ticket_fts_terms USING fts5vocab(tickets_ticket_fts, instance);
CREATE VIRTUAL TABLE tickets_comment_fts_terms USING fts5vocab(tickets_comment_fts, instance);
