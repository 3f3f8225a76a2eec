-- What was queued before: its payload says whom and what it is about.
UPDATE webhooks_delivery SET subject = payload::json->>'subject',
    author_id = COALESCE(payload::json->'data'->>'authorId', '');
