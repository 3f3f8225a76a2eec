-- The language that mails to somebody are written in, where they chose one.
CREATE TABLE notifications_language (
    person_id TEXT PRIMARY KEY NOT NULL,
    language TEXT NOT NULL
);
