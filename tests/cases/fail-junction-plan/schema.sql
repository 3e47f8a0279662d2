CREATE TABLE users (id UUID PRIMARY KEY);
CREATE TABLE watchers ("user" UUID NOT NULL, account UUID NOT NULL, PRIMARY KEY ("user", account));
CREATE TABLE tagged ("user" UUID NOT NULL, tag TEXT NOT NULL, PRIMARY KEY ("user", tag));
CREATE TABLE shares ("user" UUID NOT NULL, account UUID NOT NULL, PRIMARY KEY (account, "user"));
CREATE TABLE linked (one UUID NOT NULL, other UUID NOT NULL, PRIMARY KEY (one, other),
    FOREIGN KEY (one, other) REFERENCES shares (account, "user"));
