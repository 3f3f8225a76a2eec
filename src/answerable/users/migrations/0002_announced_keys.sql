-- Whether the public part of a signing key was told to the others (SIGNING_KEY_MADE).
ALTER TABLE users_signing_key ADD COLUMN announced_at BIGINT;
