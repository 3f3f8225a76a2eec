-- A kept message has all of itself with it: the one that sent it may have another database.
ALTER TABLE bus_retry ADD COLUMN type TEXT;
ALTER TABLE bus_retry ADD COLUMN topic TEXT;
ALTER TABLE bus_retry ADD COLUMN envelope TEXT;
-- When a parked message was copied to the dead letters of a bus that has them.
ALTER TABLE bus_retry ADD COLUMN copied_at BIGINT;
UPDATE bus_retry SET
    type = (SELECT o.type FROM bus_outbox o WHERE o.id = bus_retry.message),
    topic = (SELECT o.topic FROM bus_outbox o WHERE o.id = bus_retry.message);
