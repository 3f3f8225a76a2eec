-- Words are taken up once for each statement, not for each row, and blanks need not be found to be left alone.
CREATE OR REPLACE FUNCTION tickets_words_in(said TEXT) RETURNS TSVECTOR LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    found TEXT[];
BEGIN
    IF octet_length(said) = length(said) THEN -- most of what is said needs no Unicode
        found := string_to_array(regexp_replace(lower(said COLLATE "C"), '[^a-z0-9 ]+', ' ', 'g'), ' ');
    ELSE
        found := string_to_array(regexp_replace(
            lower(regexp_replace(normalize(said, NFD), '[\u0300-\u036f]', '', 'g') COLLATE "und-x-icu"),
            '[^[:alnum:] ]+', ' ', 'g'), ' ');
    END IF;
    IF length(said) > 500 THEN -- the index takes no word of more than 2046 bytes
        found := ARRAY(SELECT left(word, 500) FROM unnest(found) AS word);
    END IF;
    RETURN array_to_tsvector(array_remove(found, ''));
END $$;

CREATE FUNCTION tickets_note_new_ticket_words() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tickets_ticket_words (number, words)
    SELECT number, tickets_words_in(title || ' ' || description) FROM made;
    RETURN NULL;
END $$;
DROP TRIGGER tickets_ticket_words_insert ON tickets_ticket;
CREATE TRIGGER tickets_ticket_words_insert AFTER INSERT ON tickets_ticket REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION tickets_note_new_ticket_words();

-- A line of history is written in the unit that loaded or made its ticket, which is never deleted; SQLite holds the same
-- code to it. Here it would be one more query for each line.
ALTER TABLE tickets_history DROP CONSTRAINT tickets_history_ticket_id_fkey;
