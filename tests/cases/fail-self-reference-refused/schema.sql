CREATE TABLE staff (id UUID PRIMARY KEY, boss UUID REFERENCES staff, CONSTRAINT one_under_each UNIQUE (boss));
