-- The audit log: every administrative act of the whole desk, a chain of hashes (rules/acts.py). Only ever added to; the
-- triggers of 0006 refuse everything else.
CREATE TABLE users_act (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    act TEXT NOT NULL,
    about TEXT NOT NULL,
    about_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    hash TEXT NOT NULL,
    mark TEXT NOT NULL
);
CREATE UNIQUE INDEX users_act_id ON users_act (id);
CREATE INDEX users_act_newest ON users_act (at, id);
CREATE INDEX users_act_about ON users_act (about, about_id, at, id);
-- What an act changed and what it was done to is called. It can be forgotten with a person (and not otherwise changed):
-- the chain holds its digest.
CREATE TABLE users_act_detail (
    act_id TEXT PRIMARY KEY,
    named TEXT NOT NULL,
    changes TEXT NOT NULL
);
