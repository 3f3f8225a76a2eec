-- A mirror of the people, fed by USER_REGISTERED and USER_CHANGED; roles are separated by spaces.
CREATE TABLE notifications_person (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    roles TEXT NOT NULL,
    active BIGINT NOT NULL
);

-- What a person reads in the app. Ids sort by time, so they are the order of the list.
CREATE TABLE notifications_notice (
    id TEXT PRIMARY KEY,
    message_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    type TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    ticket_id TEXT,
    created_at BIGINT NOT NULL,
    read_at BIGINT
);
CREATE UNIQUE INDEX notifications_notice_once ON notifications_notice (message_id, user_id);
CREATE INDEX notifications_notice_newest ON notifications_notice (user_id, id);
CREATE INDEX notifications_notice_unread ON notifications_notice (user_id, id) WHERE read_at IS NULL;

-- One row for each event, person and channel: what was told, what is on its way, and why something was not told.
-- next_at is when to look again: when a QUEUED mail is due, when the lease of a SENDING one ends, else null.
CREATE TABLE notifications_delivery (
    message_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    part TEXT NOT NULL,
    type TEXT NOT NULL,
    ticket_id TEXT,
    address TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT,
    give_up_at BIGINT,
    error TEXT,
    created_at BIGINT NOT NULL,
    done_at BIGINT,
    PRIMARY KEY (message_id, person_id, channel)
);
CREATE INDEX notifications_delivery_due ON notifications_delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX notifications_delivery_failed ON notifications_delivery (message_id, person_id) WHERE state = 'FAILED';
CREATE INDEX notifications_delivery_unknown ON notifications_delivery (person_id) WHERE reason = 'no such person';

-- What people chose; what is not here is switched on.
CREATE TABLE notifications_preference (
    person_id TEXT NOT NULL,
    type TEXT NOT NULL,
    channel TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    PRIMARY KEY (person_id, type, channel)
);
