CREATE TABLE users (
    id UUID PRIMARY KEY,
    email TEXT,
    name TEXT NOT NULL,
    role TEXT CHECK (role IN ('partner', 'clerk')),
    phone TEXT,
    photo TEXT,
    manager_id UUID REFERENCES users,
    updated_at TIMESTAMP WITH TIME ZONE
);
CREATE TABLE user_tags (
    user_id UUID NOT NULL REFERENCES users,
    place INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (user_id, place)
);
CREATE TABLE teams (id UUID PRIMARY KEY, lead_id UUID REFERENCES users);
CREATE TABLE team_members (
    team_id UUID NOT NULL REFERENCES teams,
    user_id UUID NOT NULL REFERENCES users,
    PRIMARY KEY (team_id, user_id)
);
CREATE TABLE reviews (id UUID PRIMARY KEY, author_id UUID REFERENCES users);
CREATE TABLE memberships (
    id UUID PRIMARY KEY,
    team_id UUID NOT NULL REFERENCES teams,
    user_id UUID NOT NULL REFERENCES users,
    since INTEGER,
    UNIQUE (team_id, user_id)
);
