-- What was half written or looked at long ago is forgotten, the oldest first.
CREATE INDEX tickets_draft_age ON tickets_draft (saved_at);
CREATE INDEX tickets_reader_age ON tickets_reader (here_until);
