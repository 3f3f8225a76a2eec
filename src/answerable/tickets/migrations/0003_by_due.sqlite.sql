-- Lists by deadline: the expression of store/lists.py, as PostgreSQL has it from the beginning.
CREATE INDEX tickets_ticket_by_due ON tickets_ticket (COALESCE(sla_due_at, 4611686018427387904), number);
