-- What was not told for what somebody was when it happened is looked at again with each change of them.
DROP INDEX notifications_delivery_unknown;
CREATE INDEX notifications_delivery_as_they_were ON notifications_delivery (person_id, message_id)
    WHERE reason IN ('no such person', 'not active', 'not staff any more');
