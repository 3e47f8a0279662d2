CREATE TABLE contacts (id UUID PRIMARY KEY);
CREATE TABLE related (contact UUID NOT NULL, other UUID NOT NULL, position INTEGER, PRIMARY KEY (contact, other));
