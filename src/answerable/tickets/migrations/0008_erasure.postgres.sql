-- Comments change only when somebody is erased; their words leave the index too.
CREATE FUNCTION tickets_renew_comment_words() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tickets_comment_words SET words = tickets_words_in(new.body) WHERE number = new.number;
    RETURN NULL;
END $$;
CREATE TRIGGER tickets_comment_words_update AFTER UPDATE OF body ON tickets_comment
    FOR EACH ROW WHEN (old.body <> new.body) EXECUTE FUNCTION tickets_renew_comment_words();
