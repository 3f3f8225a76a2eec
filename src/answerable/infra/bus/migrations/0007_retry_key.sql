-- What waits about a person or ticket is found when it is erased.
CREATE INDEX bus_retry_key ON bus_retry (key);
