-- Nobody changes the audit log or takes from it, whatever a program does.
CREATE TRIGGER users_act_not_changed BEFORE UPDATE ON users_act
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;
CREATE TRIGGER users_act_not_taken BEFORE DELETE ON users_act
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;
-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER users_act_not_replaced BEFORE INSERT ON users_act
WHEN EXISTS (SELECT 1 FROM users_act WHERE number = new.number OR id = new.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;
CREATE TRIGGER users_act_detail_not_changed BEFORE UPDATE ON users_act_detail
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;
CREATE TRIGGER users_act_detail_not_replaced BEFORE INSERT ON users_act_detail
WHEN EXISTS (SELECT 1 FROM users_act_detail WHERE act_id = new.act_id)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;
