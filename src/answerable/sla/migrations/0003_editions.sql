-- All calendars and policies as they hold from effective_from on, together; a row is never changed but for these two:
-- source, the text of the file it was read from, and after, the id of the last open clock that follows it (NULL: all do).
CREATE TABLE sla_edition (
    id TEXT PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    effective_from BIGINT NOT NULL,
    body TEXT NOT NULL,
    source TEXT,
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    changes TEXT NOT NULL,
    after TEXT
);

-- The edition whose policy a clock is held to; empty for the desk's own, which is in no row.
ALTER TABLE sla_clock ADD COLUMN edition TEXT NOT NULL DEFAULT '';
ALTER TABLE sla_metric ADD COLUMN policy TEXT;
ALTER TABLE sla_metric ADD COLUMN edition TEXT;
