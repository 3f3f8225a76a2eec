-- The last transaction of each process that writes: one that has lost the answer to a COMMIT looks here.
CREATE TABLE bus_writer (
    name TEXT COLLATE "C" PRIMARY KEY,
    mark TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now()
);
