CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL, updated INTEGER, seen INTEGER DEFAULT 0);
CREATE FUNCTION staff_stamped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.seen := 1;
    IF NEW.name LIKE 'stamped%' THEN NEW.updated := 1000; END IF;
    IF NEW.name = 'moved' THEN NEW.id := NEW.id + 100; END IF;
    RETURN NEW; END $$;
CREATE TRIGGER staff_stamped BEFORE INSERT ON staff FOR EACH ROW EXECUTE FUNCTION staff_stamped();
CREATE TABLE rooms (id INTEGER PRIMARY KEY, chairs INTEGER);
CREATE TABLE chairs (room INTEGER NOT NULL REFERENCES rooms, position INTEGER NOT NULL, colour TEXT, PRIMARY KEY (room, position));
CREATE FUNCTION chairs_counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE rooms SET chairs = (SELECT count(*) FROM chairs WHERE room = NEW.room) WHERE id = NEW.room;
    RETURN NULL; END $$;
CREATE TRIGGER chairs_counted AFTER INSERT ON chairs FOR EACH ROW EXECUTE FUNCTION chairs_counted();
CREATE TABLE watchers (
    staff INTEGER NOT NULL REFERENCES staff,
    room INTEGER NOT NULL REFERENCES rooms,
    role TEXT,
    PRIMARY KEY (staff, room)
);
CREATE FUNCTION watchers_guest() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.role = 'owner' THEN NEW.role := 'guest'; END IF;
    RETURN NEW; END $$;
CREATE TRIGGER watchers_guest BEFORE INSERT ON watchers FOR EACH ROW EXECUTE FUNCTION watchers_guest();
