CREATE TABLE users (id UUID PRIMARY KEY, name TEXT);
CREATE TABLE boards (
    id UUID PRIMARY KEY,
    shared JSON,
    numbers JSON,
    prices JSON,
    times JSON,
    tags JSON,
    states JSON,
    took TEXT
);
