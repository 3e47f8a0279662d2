-- whoever leads and whom it depends on
CREATE TABLE teams (id UUID PRIMARY KEY, lead_id UUID REFERENCES users, dep_id UUID NOT NULL REFERENCES users);
CREATE TABLE users (id UUID PRIMARY KEY, mail TEXT, team_id UUID REFERENCES teams, boss_id UUID REFERENCES users);
