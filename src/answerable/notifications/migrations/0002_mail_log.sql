-- The mail log by state, newest first; it also finds the failed ones, which had an index of their own.
DROP INDEX notifications_delivery_failed;
CREATE INDEX notifications_delivery_mails ON notifications_delivery (state, message_id, person_id) WHERE channel = 'email';
