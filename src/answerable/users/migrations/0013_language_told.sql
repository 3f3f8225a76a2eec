-- Whether other services were told which language somebody chose: what was chosen before there was such an event was not.
ALTER TABLE users_preference ADD COLUMN language_told INTEGER NOT NULL DEFAULT 0;
