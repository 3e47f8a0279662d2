CREATE TABLE users (id UUID PRIMARY KEY);
CREATE TABLE accounts (id UUID PRIMARY KEY);
CREATE TABLE watchers ("user" UUID NOT NULL, account UUID NOT NULL, PRIMARY KEY ("user", account));
