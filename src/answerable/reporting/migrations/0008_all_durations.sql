-- How many resolutions of all agents together are alike ('*'), for the middle of all: where thousands of agents have some
-- dozens of tickets each, adding up the steps of each took a second. Changed in the same unit.
INSERT INTO reporting_duration_count (agent_id, kind, step, tickets)
SELECT '*', kind, step, CAST(SUM(tickets) AS BIGINT) FROM reporting_duration_count
WHERE kind = 'RESOLUTION' GROUP BY kind, step;
