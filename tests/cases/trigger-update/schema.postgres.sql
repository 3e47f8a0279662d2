CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL, boss INTEGER REFERENCES staff, updated INTEGER);
CREATE FUNCTION staff_updated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.name <> 'left alone' THEN NEW.updated := 1000; END IF;
    RETURN NEW; END $$;
CREATE TRIGGER staff_updated BEFORE UPDATE ON staff FOR EACH ROW EXECUTE FUNCTION staff_updated();
CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT NOT NULL, changes INTEGER DEFAULT 0);
CREATE FUNCTION rooms_changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.changes := OLD.changes + 1;
    RETURN NEW; END $$;
CREATE TRIGGER rooms_changes BEFORE UPDATE ON rooms FOR EACH ROW EXECUTE FUNCTION rooms_changes();
