-- How many durations of an agent's tickets (none: empty) are alike, by the steps of rules/durations.py: raised to resolved
-- (RESOLUTION) and to the first response (RESPONSE). The middle of many is looked for within one step. Changed in the
-- unit of work that changes a ticket's row.
CREATE TABLE reporting_duration_count (
    agent_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    step BIGINT NOT NULL,
    tickets BIGINT NOT NULL,
    PRIMARY KEY (agent_id, kind, step)
);
INSERT INTO reporting_duration_count (agent_id, kind, step, tickets)
SELECT agent_id, kind, step, COUNT(*) FROM (
    SELECT agent_id, kind, CASE WHEN took < 0 THEN 0 WHEN took < 3600000000 THEN took / 60000000
        WHEN took < 172800000000 THEN 60 + took / 3600000000 WHEN took < 5184000000000 THEN 108 + took / 86400000000
        ELSE 168 + took / 2592000000000 END AS step
    FROM (
        SELECT COALESCE(agent_id, '') AS agent_id, 'RESOLUTION' AS kind, resolution AS took
        FROM reporting_ticket WHERE resolution IS NOT NULL
        UNION ALL
        SELECT COALESCE(agent_id, ''), 'RESPONSE', first_response_at - created_at
        FROM reporting_ticket WHERE first_response_at IS NOT NULL AND last_sequence > 0
    ) measured
) alike GROUP BY agent_id, kind, step;
