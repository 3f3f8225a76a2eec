-- What the numbers in reporting_kept hold a ticket as, with a blank between: status, priority, breached, how long it took
-- in microseconds (or nothing), whether it had a first response, agent (or nothing); empty while they do not hold it at
-- all. Where that is not what the ticket is, the index knows it by itself, whoever changed the row.
ALTER TABLE reporting_ticket ADD COLUMN counted TEXT NOT NULL DEFAULT '';
CREATE INDEX reporting_ticket_uncounted ON reporting_ticket (ticket_id)
    WHERE last_sequence > 0 AND counted <> status || ' ' || priority || ' '
        || CASE WHEN sla_breached = 1 THEN '1' ELSE '0' END || ' '
        || COALESCE(CAST(resolution AS VARCHAR), '') || ' ' || CASE WHEN first_response_at IS NULL THEN '0' ELSE '1' END
        || ' ' || COALESCE(agent_id, '');

-- How many tickets raised in one day (UTC), one week, eight and sixty-four are alike: days says how many; part counts such
-- parts from the Monday before 1970-01-01. As JSON: tickets by status, priority, assigned and breached; agents by id.
CREATE TABLE reporting_kept (
    days BIGINT NOT NULL,
    part BIGINT NOT NULL,
    tickets TEXT NOT NULL,
    agents TEXT NOT NULL,
    PRIMARY KEY (days, part)
);

-- Of a span, the middle of many durations and the late tickets are found in these by their place, without their rows.
DROP INDEX reporting_ticket_resolution;
CREATE INDEX reporting_ticket_resolution ON reporting_ticket (resolution, created_at) WHERE resolution IS NOT NULL;
DROP INDEX reporting_ticket_of_agent;
CREATE INDEX reporting_ticket_of_agent ON reporting_ticket (agent_id, resolution, created_at)
    WHERE resolution IS NOT NULL;
DROP INDEX reporting_ticket_breached;
CREATE INDEX reporting_ticket_breached ON reporting_ticket (breached_at, ticket_id, last_sequence, created_at)
    WHERE sla_breached = 1;
