CREATE TYPE state AS ENUM ('open', 'done');
CREATE TABLE users (id UUID PRIMARY KEY, name TEXT);
CREATE TABLE boards (
    id UUID PRIMARY KEY,
    shared UUID[],
    numbers INTEGER[],
    prices NUMERIC(6, 2)[],
    times TIMESTAMPTZ[],
    tags VARCHAR(5)[],
    states state[],
    took INTERVAL
);
