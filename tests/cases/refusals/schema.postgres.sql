CREATE TABLE countries (code TEXT PRIMARY KEY);
INSERT INTO countries VALUES ('CZ'), ('AT');
CREATE TABLE people (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL,
    age INTEGER CONSTRAINT age_is_sane CHECK (age BETWEEN 0 AND 150),
    country TEXT REFERENCES countries,
    CONSTRAINT email_is_unique UNIQUE (email)
);
CREATE FUNCTION no_bob() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.email = 'bob' THEN RAISE EXCEPTION 'bob is not wanted'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER no_bob BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION no_bob();
