-- Who looked at the mail log when, as the audit log has it: one line there for each hour of somebody's reading.
CREATE TABLE notifications_look (
    person_id TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);
