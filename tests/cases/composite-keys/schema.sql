CREATE TABLE members (id TEXT PRIMARY KEY, club TEXT NOT NULL, number INTEGER NOT NULL, UNIQUE (club, number));
CREATE TABLE rooms (house TEXT, number INTEGER, beds INTEGER, PRIMARY KEY (house, number));
