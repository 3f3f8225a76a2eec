-- When a person was erased: the row stays for its id, without name, address or password.
ALTER TABLE users_person ADD COLUMN erased_at BIGINT;
