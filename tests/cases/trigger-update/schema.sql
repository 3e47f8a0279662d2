CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL, boss INTEGER REFERENCES staff, updated INTEGER);
CREATE TRIGGER staff_updated AFTER UPDATE ON staff WHEN NEW.name <> 'left alone'
    BEGIN UPDATE staff SET updated = 1000 WHERE id = NEW.id; END;
CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT NOT NULL, changes INTEGER DEFAULT 0);
CREATE TRIGGER rooms_changes AFTER UPDATE ON rooms WHEN NEW.changes IS OLD.changes
    BEGIN UPDATE rooms SET changes = OLD.changes + 1 WHERE id = NEW.id; END;
