CREATE TABLE staff (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    boss INTEGER REFERENCES staff,
    mentor INTEGER REFERENCES staff,
    deputy INTEGER REFERENCES staff,
    CONSTRAINT nobody_under_nine CHECK (boss <> 9),
    CONSTRAINT one_under_each UNIQUE (boss),
    CONSTRAINT both_or_none CHECK ((mentor IS NULL) = (deputy IS NULL))
);
