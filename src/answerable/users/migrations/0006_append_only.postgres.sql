-- Nobody changes the audit log or takes from it, whatever a program does.
CREATE FUNCTION users_refuse_change() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to';
END $$;
CREATE TRIGGER users_act_not_changed BEFORE UPDATE OR DELETE ON users_act
    FOR EACH ROW EXECUTE FUNCTION users_refuse_change();
CREATE TRIGGER users_act_not_emptied BEFORE TRUNCATE ON users_act
    FOR EACH STATEMENT EXECUTE FUNCTION users_refuse_change();
CREATE TRIGGER users_act_detail_not_changed BEFORE UPDATE ON users_act_detail
    FOR EACH ROW EXECUTE FUNCTION users_refuse_change();
