CREATE TABLE countries (code TEXT PRIMARY KEY);
CREATE TABLE orders (id UUID PRIMARY KEY, title TEXT NOT NULL, country TEXT REFERENCES countries);
CREATE TABLE follow_ups (
    order_id UUID NOT NULL REFERENCES orders,
    position INTEGER NOT NULL,
    next UUID REFERENCES orders,
    PRIMARY KEY (order_id, position)
);
