-- The escalations of a clock that are to come ([["80%", instant], ...]) and those that came (["50%"]), as JSON.
ALTER TABLE sla_clock ADD COLUMN levels_ahead TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sla_clock ADD COLUMN levels_done TEXT NOT NULL DEFAULT '[]';

-- What was done at each level that came.
CREATE TABLE sla_level (
    clock_id TEXT NOT NULL REFERENCES sla_clock (id),
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    at BIGINT NOT NULL,
    done TEXT NOT NULL,
    PRIMARY KEY (clock_id, number)
);

-- Until now a manager was called in at the breach: one level, at 100%.
UPDATE sla_clock SET levels_ahead = '[["100%",' || due_at || ']]'
WHERE state = 'RUNNING' AND breached_at IS NULL AND due_at IS NOT NULL AND target <> 'NEXT_RESPONSE';
INSERT INTO sla_metric (clock_id, number, kind, at, target_micros, detail)
SELECT id, version + 1, 'level', breached_at, NULL, '100%' FROM sla_clock
WHERE breached_at IS NOT NULL AND target <> 'NEXT_RESPONSE';
INSERT INTO sla_level (clock_id, number, name, at, done)
SELECT id, 1, '100%', breached_at, 'call a manager in' FROM sla_clock
WHERE breached_at IS NOT NULL AND target <> 'NEXT_RESPONSE';
UPDATE sla_clock SET levels_done = '["100%"]', version = version + 1
WHERE breached_at IS NOT NULL AND target <> 'NEXT_RESPONSE';
