-- What a list of tickets shows of them, mirrored from the tickets feature.
ALTER TABLE reporting_ticket ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE reporting_ticket ADD COLUMN title TEXT NOT NULL DEFAULT '';
