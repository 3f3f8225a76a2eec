-- What the numbers in sla_kept hold a promise as: OPEN, KEPT, LATE (fulfilled, but late), BROKEN (late and not fulfilled),
-- GIVEN_UP; empty while they do not hold it at all. Where that is not what the promise is, the index knows it by itself,
-- whoever changed the row: nothing has to be written down when a promise is made, kept or broken.
ALTER TABLE sla_clock ADD COLUMN counted TEXT NOT NULL DEFAULT '';
CREATE INDEX sla_clock_uncounted ON sla_clock (id)
    WHERE counted <> CASE
        WHEN state = 'FULFILLED' THEN CASE WHEN breached_at IS NULL THEN 'KEPT' ELSE 'LATE' END
        WHEN breached_at IS NOT NULL THEN 'BROKEN'
        WHEN state = 'CANCELLED' THEN 'GIVEN_UP'
        ELSE 'OPEN' END;

-- How long a fulfilled promise took, in business and in calendar microseconds, and when its ticket was raised: set when it
-- is counted. From the indexes alone, the one at a given place is found.
ALTER TABLE sla_clock ADD COLUMN raised_at BIGINT;
ALTER TABLE sla_clock ADD COLUMN business BIGINT;
ALTER TABLE sla_clock ADD COLUMN calendar BIGINT;
CREATE INDEX sla_clock_business ON sla_clock (target, business, raised_at) WHERE business IS NOT NULL;
CREATE INDEX sla_clock_calendar ON sla_clock (target, calendar, raised_at) WHERE calendar IS NOT NULL;

-- Where a ticket's priority, agent or category changed since its promises were counted: what they were then, with a blank
-- between (and nothing for no agent).
ALTER TABLE sla_ticket ADD COLUMN counted_as TEXT;
CREATE INDEX sla_ticket_moved ON sla_ticket (id) WHERE counted_as IS NOT NULL;
CREATE INDEX sla_ticket_raised ON sla_ticket (created_at);

-- How many promises are counted as what, on the tickets raised in one day (UTC), one week, eight, and sixty-four: days says
-- how many; part counts such parts from the Monday before 1970-01-01. All of them as JSON: totals by target; named by
-- priority, agent or category, name, and target; times by measure, target, and about how long.
CREATE TABLE sla_kept (
    days BIGINT NOT NULL,
    part BIGINT NOT NULL,
    totals TEXT NOT NULL,
    named TEXT NOT NULL,
    times TEXT NOT NULL,
    PRIMARY KEY (days, part)
);
