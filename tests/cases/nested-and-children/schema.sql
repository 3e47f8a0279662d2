CREATE TABLE orders (id UUID PRIMARY KEY, street TEXT, first_tag TEXT, whole JSON, status TEXT NOT NULL);
CREATE TABLE lines (
    order_id UUID NOT NULL REFERENCES orders, position INTEGER NOT NULL, sku TEXT NOT NULL, amount INTEGER, city TEXT,
    PRIMARY KEY (order_id, position)
);
CREATE TABLE tags (order_id UUID NOT NULL REFERENCES orders, tag TEXT NOT NULL, PRIMARY KEY (order_id, tag));
