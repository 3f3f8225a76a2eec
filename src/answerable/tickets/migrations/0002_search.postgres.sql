-- Full-text indexes beside the tables: a change of a ticket that leaves its words alone does not touch its index.
-- What counts as a word, and that capitals and accents do not, is as SQLite's unicode61 has it: see fold() in
-- infra/database/postgres/statement.py, which treats what people search for in the same way.
CREATE FUNCTION tickets_words_in(said TEXT) RETURNS TSVECTOR LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    found TEXT[];
BEGIN
    IF octet_length(said) = length(said) THEN -- most of what is said needs no Unicode
        found := string_to_array(regexp_replace(lower(said COLLATE "C"), '[^a-z0-9]+', ' ', 'g'), ' ');
    ELSE
        found := string_to_array(regexp_replace(
            lower(regexp_replace(normalize(said, NFD), '[\u0300-\u036f]', '', 'g') COLLATE "und-x-icu"),
            '[^[:alnum:]]+', ' ', 'g'), ' ');
    END IF;
    IF length(said) > 500 THEN -- the index takes no word of more than 2046 bytes
        found := ARRAY(SELECT left(word, 500) FROM unnest(found) AS word);
    END IF;
    RETURN array_to_tsvector(array_remove(found, ''));
END $$;

-- Lists by deadline: the expression of store/lists.py.
CREATE INDEX tickets_ticket_by_due ON tickets_ticket (COALESCE(sla_due_at, 4611686018427387904), number);

CREATE TABLE tickets_ticket_words (
    number BIGINT PRIMARY KEY,
    words TSVECTOR NOT NULL
);
CREATE INDEX tickets_ticket_words_found ON tickets_ticket_words USING GIN (words);
CREATE FUNCTION tickets_note_ticket_words() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tickets_ticket_words (number, words)
    VALUES (new.number, tickets_words_in(new.title || ' ' || new.description))
    ON CONFLICT (number) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END $$;
CREATE TRIGGER tickets_ticket_words_insert AFTER INSERT ON tickets_ticket
    FOR EACH ROW EXECUTE FUNCTION tickets_note_ticket_words();
CREATE TRIGGER tickets_ticket_words_update AFTER UPDATE OF title, description ON tickets_ticket
    FOR EACH ROW WHEN (old.title <> new.title OR old.description <> new.description)
    EXECUTE FUNCTION tickets_note_ticket_words();

CREATE TABLE tickets_comment_words (
    number BIGINT PRIMARY KEY,
    words TSVECTOR NOT NULL
);
CREATE INDEX tickets_comment_words_found ON tickets_comment_words USING GIN (words);
CREATE FUNCTION tickets_note_comment_words() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tickets_comment_words (number, words) VALUES (new.number, tickets_words_in(new.body));
    RETURN NULL;
END $$;
CREATE TRIGGER tickets_comment_words_insert AFTER INSERT ON tickets_comment
    FOR EACH ROW EXECUTE FUNCTION tickets_note_comment_words();

CREATE FUNCTION tickets_forget_words() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DELETE FROM %I WHERE number = $1', tg_table_name || '_words') USING old.number;
    RETURN NULL;
END $$;
CREATE TRIGGER tickets_ticket_words_delete AFTER DELETE ON tickets_ticket
    FOR EACH ROW EXECUTE FUNCTION tickets_forget_words();
CREATE TRIGGER tickets_comment_words_delete AFTER DELETE ON tickets_comment
    FOR EACH ROW EXECUTE FUNCTION tickets_forget_words();
