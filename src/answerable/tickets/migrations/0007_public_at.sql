-- When something last changed that the requester may see: a note among staff is not told by the time of the ticket either.
ALTER TABLE tickets_ticket ADD COLUMN public_at BIGINT NOT NULL DEFAULT 0;
UPDATE tickets_ticket SET public_at = updated_at;
