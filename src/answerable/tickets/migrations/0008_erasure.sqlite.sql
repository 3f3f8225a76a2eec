-- Comments change only when somebody is erased; their words leave the index too.
CREATE TRIGGER tickets_comment_fts_update AFTER UPDATE OF body ON tickets_comment
WHEN old.body <> new.body AND EXISTS (SELECT 1 FROM tickets_comment_fts_docsize WHERE id = old.number)
BEGIN
    INSERT INTO tickets_comment_fts (tickets_comment_fts, rowid, body) VALUES ('delete', old.number, old.body);
    INSERT INTO tickets_comment_fts (rowid, body) VALUES (new.number, new.body);
END;
