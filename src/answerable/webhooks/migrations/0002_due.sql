-- What is due is looked up endpoint by endpoint, so that what waits for one that is paused or disabled is no longer
-- stepped over after every commit; and so is what waited there for too long.
DROP INDEX webhooks_delivery_next;
CREATE INDEX webhooks_delivery_due ON webhooks_delivery (endpoint_id, next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX webhooks_delivery_over ON webhooks_delivery (endpoint_id, give_up_at) WHERE next_at IS NOT NULL;
