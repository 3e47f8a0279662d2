CREATE TABLE countries (code TEXT PRIMARY KEY);
INSERT INTO countries VALUES ('CZ'), ('AT');
CREATE TABLE people (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL,
    age INTEGER CONSTRAINT age_is_sane CHECK (age BETWEEN 0 AND 150),
    country TEXT REFERENCES countries,
    CONSTRAINT email_is_unique UNIQUE (email)
);
CREATE TRIGGER no_bob BEFORE INSERT ON people WHEN NEW.email = 'bob' BEGIN SELECT RAISE(ABORT, 'bob is not wanted'); END;
