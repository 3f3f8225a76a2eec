-- Whose ticket it is stands in the index of words as one more word of it, which nobody can type (# before the id): what
-- one person has of a word is found in the index alone, however many others have it. Of a note among staff it is left
-- out.
CREATE FUNCTION tickets_words_of(said TEXT, owner TEXT) RETURNS TSVECTOR LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT tickets_words_in(said) || array_to_tsvector(ARRAY['#' || owner])
$$;

CREATE OR REPLACE FUNCTION tickets_note_new_ticket_words() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tickets_ticket_words (number, words)
    SELECT number, tickets_words_of(title || ' ' || description, requester_id) FROM made;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION tickets_note_ticket_words() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tickets_ticket_words (number, words)
    VALUES (new.number, tickets_words_of(new.title || ' ' || new.description, new.requester_id))
    ON CONFLICT (number) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END $$;

CREATE VIEW tickets_comment_said AS
SELECT c.number, CASE WHEN c.internal = 0 THEN tickets_words_of(c.body, t.requester_id)
    ELSE tickets_words_in(c.body) END AS words
FROM tickets_comment c JOIN tickets_ticket t ON t.id = c.ticket_id;
CREATE OR REPLACE FUNCTION tickets_note_comment_words() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tickets_comment_words (number, words)
    SELECT s.number, s.words FROM tickets_comment_said s WHERE s.number = new.number ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
-- At the end of the transaction: a desk that moves here brings its comments before its tickets.
DROP TRIGGER tickets_comment_words_insert ON tickets_comment;
CREATE CONSTRAINT TRIGGER tickets_comment_words_insert AFTER INSERT ON tickets_comment DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION tickets_note_comment_words();
CREATE OR REPLACE FUNCTION tickets_renew_comment_words() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tickets_comment_words w SET words = s.words FROM tickets_comment_said s
    WHERE s.number = new.number AND w.number = new.number;
    RETURN NULL;
END $$;

DROP INDEX tickets_ticket_words_found;
DROP INDEX tickets_comment_words_found;
DELETE FROM tickets_ticket_words;
DELETE FROM tickets_comment_words;
INSERT INTO tickets_ticket_words (number, words)
SELECT number, tickets_words_of(title || ' ' || description, requester_id) FROM tickets_ticket;
INSERT INTO tickets_comment_words (number, words) SELECT number, words FROM tickets_comment_said;
CREATE INDEX tickets_ticket_words_found ON tickets_ticket_words USING GIN (words);
CREATE INDEX tickets_comment_words_found ON tickets_comment_words USING GIN (words);
