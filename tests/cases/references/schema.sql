CREATE TABLE people (id UUID PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE books (
    id UUID PRIMARY KEY,
    title TEXT,
    author UUID NOT NULL REFERENCES people,
    owner UUID REFERENCES people
);
