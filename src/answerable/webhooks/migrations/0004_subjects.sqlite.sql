-- What was queued before: its payload says whom and what it is about.
UPDATE webhooks_delivery SET subject = json_extract(payload, '$.subject'),
    author_id = COALESCE(json_extract(payload, '$.data.authorId'), '');
