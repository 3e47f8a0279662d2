CREATE TABLE contacts (id UUID PRIMARY KEY);
-- Nothing enforces what `other` refers to.
CREATE TABLE related (
    contact UUID NOT NULL REFERENCES contacts,
    other UUID NOT NULL,
    rank INTEGER CHECK (rank < 9),
    since DATE,
    PRIMARY KEY (contact, other)
);
