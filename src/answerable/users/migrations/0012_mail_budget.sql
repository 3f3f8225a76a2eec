-- Mails of the last minutes, for the budget of a domain.
CREATE INDEX users_mail_created ON users_mail (created_at);
