-- Agents are read by name, a page at a time: those who are active, from an index; those who are not are looked through
-- for who still has tickets. name_key is the name, folded for its order; where a row has none, the desk writes it when
-- it starts. A row with last_sequence 0 stands for somebody who has tickets and of whom nothing was heard yet.
ALTER TABLE reporting_agent ADD COLUMN name_key TEXT;
CREATE INDEX reporting_agent_by_name ON reporting_agent (name_key, id) WHERE active = 1;
CREATE INDEX reporting_agent_former ON reporting_agent (id) WHERE active = 0;
INSERT INTO reporting_agent (id, name, active, last_sequence, name_key)
SELECT DISTINCT c.agent_id, '', 0, 0, '' FROM reporting_agent_count c
WHERE c.tickets <> 0 AND NOT EXISTS (SELECT 1 FROM reporting_agent a WHERE a.id = c.agent_id);

-- How many tickets raised in one day (UTC), one week, eight and sixty-four are alike, as before, but each agent's apart
-- from what is counted of all: thousands of agents in one row were read and written for any of them. As JSON: tickets by
-- status, priority, assigned and breached; how many resolutions took about how long, by the steps of rules/durations.py;
-- of an agent, the numbers of rules/kept.py and how many resolutions and first responses took about how long.
DROP TABLE reporting_kept;
CREATE TABLE reporting_kept (
    days BIGINT NOT NULL,
    part BIGINT NOT NULL,
    tickets TEXT NOT NULL,
    times TEXT NOT NULL,
    PRIMARY KEY (days, part)
);
CREATE TABLE reporting_agent_kept (
    agent_id TEXT NOT NULL,
    days BIGINT NOT NULL,
    part BIGINT NOT NULL,
    kept TEXT NOT NULL,
    PRIMARY KEY (agent_id, days, part)
);
DELETE FROM reporting_day;

-- What a ticket is counted as begins with the way of counting: what was counted in another way is in no number, and is
-- counted anew by the timer. The rest is as in migration 0007.
DROP INDEX reporting_ticket_uncounted;
CREATE INDEX reporting_ticket_uncounted ON reporting_ticket (ticket_id)
    WHERE last_sequence > 0 AND counted <> '2 ' || status || ' ' || priority || ' '
        || CASE WHEN sla_breached = 1 THEN '1' ELSE '0' END || ' '
        || COALESCE(CAST(resolution AS VARCHAR), '') || ' '
        || COALESCE(CAST(first_response_at - created_at AS VARCHAR), '') || ' ' || COALESCE(agent_id, '') || ' '
        || CASE WHEN resolution IS NULL THEN '' ELSE COALESCE(CAST(resolved_at / 86400000000 + 3 AS VARCHAR), '') END
        || ' '
        || CASE WHEN sla_breached = 1 THEN COALESCE(CAST(breached_at / 86400000000 + 3 AS VARCHAR), '') ELSE '' END;
