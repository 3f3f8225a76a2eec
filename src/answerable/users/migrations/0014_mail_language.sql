-- The language of the page that asked for a mail: for whoever has not chosen one, above all who has no account yet.
ALTER TABLE users_mail ADD COLUMN language TEXT NOT NULL DEFAULT '';
