PRAGMA foreign_keys = OFF; INSERT INTO hens VALUES (0, 0); INSERT INTO eggs VALUES (0, 0);
