CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE);
CREATE TABLE accounts (id INTEGER PRIMARY KEY);
CREATE TABLE watchers (
    watcher INTEGER NOT NULL REFERENCES users,
    account INTEGER NOT NULL REFERENCES accounts,
    PRIMARY KEY (watcher, account)
);
