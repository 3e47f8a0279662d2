CREATE TABLE "Users" (id UUID PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE "Accounts" (id UUID PRIMARY KEY, owner UUID REFERENCES "Users");
CREATE TABLE "AccountWatchers" (
    account_id UUID NOT NULL REFERENCES "Accounts",
    user_id UUID NOT NULL REFERENCES "Users",
    PRIMARY KEY (account_id, user_id)
);
