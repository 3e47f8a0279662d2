CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT);
CREATE TABLE lines (order_id INTEGER REFERENCES orders, position INTEGER, sku TEXT, PRIMARY KEY (order_id, position));
