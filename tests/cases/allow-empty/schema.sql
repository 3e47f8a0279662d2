CREATE TABLE orders (id INTEGER PRIMARY KEY);
CREATE TABLE lines (order_id INTEGER REFERENCES orders, position INTEGER, PRIMARY KEY (order_id, position));
