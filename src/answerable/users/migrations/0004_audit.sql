-- What was done to one person, newest first.
CREATE INDEX users_audit_person ON users_audit (person_id, at, id);
