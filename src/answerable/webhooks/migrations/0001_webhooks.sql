-- Where programs are told of events. The secret is made from the desk's own, the id and secret_number: it is nowhere at rest.
CREATE TABLE webhooks_endpoint (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    notes BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    secret_number BIGINT NOT NULL,
    former_until BIGINT NOT NULL,
    failing_since BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- One row for each event and endpoint. next_at is when to look at it again; nothing where it is done.
CREATE TABLE webhooks_delivery (
    id TEXT PRIMARY KEY,
    endpoint_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT,
    give_up_at BIGINT NOT NULL,
    status BIGINT,
    answer TEXT NOT NULL,
    error TEXT NOT NULL,
    took_ms BIGINT,
    created_at BIGINT NOT NULL,
    tried_at BIGINT,
    done_at BIGINT
);
CREATE UNIQUE INDEX webhooks_delivery_once ON webhooks_delivery (endpoint_id, message_id);
CREATE INDEX webhooks_delivery_next ON webhooks_delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhooks_delivery_log ON webhooks_delivery (endpoint_id, created_at, id);
CREATE INDEX webhooks_delivery_done ON webhooks_delivery (done_at) WHERE done_at IS NOT NULL;
