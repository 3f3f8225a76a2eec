-- What a ticket is counted as also says how long its first response took, in microseconds (or nothing), and on which days
-- (UTC, numbered as in kernel/days.py; or nothing) it was solved and became late. What was counted without that is
-- counted anew by the timer, which knows the shorter words.
DROP INDEX reporting_ticket_uncounted;
CREATE INDEX reporting_ticket_uncounted ON reporting_ticket (ticket_id)
    WHERE last_sequence > 0 AND counted <> status || ' ' || priority || ' '
        || CASE WHEN sla_breached = 1 THEN '1' ELSE '0' END || ' '
        || COALESCE(CAST(resolution AS VARCHAR), '') || ' '
        || COALESCE(CAST(first_response_at - created_at AS VARCHAR), '') || ' ' || COALESCE(agent_id, '') || ' '
        || CASE WHEN resolution IS NULL THEN '' ELSE COALESCE(CAST(resolved_at / 86400000000 + 3 AS VARCHAR), '') END
        || ' '
        || CASE WHEN sla_breached = 1 THEN COALESCE(CAST(breached_at / 86400000000 + 3 AS VARCHAR), '') ELSE '' END;

-- How many of the counted tickets were raised, solved (and are still) and became late (and still are) on each day (UTC).
CREATE TABLE reporting_day (
    day BIGINT PRIMARY KEY,
    raised BIGINT NOT NULL,
    solved BIGINT NOT NULL,
    late BIGINT NOT NULL
);

-- How many tickets of each agent took about how long, by the steps of rules/durations.py. As JSON: by kind, agent (empty:
-- none) and step.
ALTER TABLE reporting_kept ADD COLUMN times TEXT NOT NULL DEFAULT '{}';
