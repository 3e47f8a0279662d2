CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL, updated INTEGER, seen INTEGER DEFAULT 0);
CREATE TRIGGER staff_seen AFTER INSERT ON staff BEGIN UPDATE staff SET seen = 1 WHERE id = NEW.id; END;
CREATE TRIGGER staff_stamped AFTER INSERT ON staff WHEN NEW.name LIKE 'stamped%'
    BEGIN UPDATE staff SET updated = 1000 WHERE id = NEW.id; END;
CREATE TRIGGER staff_moved AFTER INSERT ON staff WHEN NEW.name = 'moved'
    BEGIN UPDATE staff SET id = NEW.id + 100 WHERE id = NEW.id; END;
CREATE TABLE rooms (id INTEGER PRIMARY KEY, chairs INTEGER);
CREATE TABLE chairs (room INTEGER NOT NULL REFERENCES rooms, position INTEGER NOT NULL, colour TEXT, PRIMARY KEY (room, position));
CREATE TRIGGER chairs_counted AFTER INSERT ON chairs
    BEGIN UPDATE rooms SET chairs = (SELECT count(*) FROM chairs WHERE room = NEW.room) WHERE id = NEW.room; END;
CREATE TABLE watchers (
    staff INTEGER NOT NULL REFERENCES staff,
    room INTEGER NOT NULL REFERENCES rooms,
    role TEXT,
    PRIMARY KEY (staff, room)
);
CREATE TRIGGER watchers_guest AFTER INSERT ON watchers WHEN NEW.role = 'owner'
    BEGIN UPDATE watchers SET role = 'guest' WHERE staff = NEW.staff AND room = NEW.room; END;
