-- What runs, for whoever watches the desk: counted and looked up without reading the clocks themselves.
CREATE INDEX sla_clock_running ON sla_clock (breached_at, due_at) WHERE state = 'RUNNING';
