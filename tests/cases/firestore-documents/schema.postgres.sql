CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT);
CREATE TABLE engagements (id UUID PRIMARY KEY, name TEXT, owner_id TEXT REFERENCES users, created TEXT, file TEXT);
CREATE TABLE engagement_users (
    engagement_id UUID NOT NULL REFERENCES engagements, position INTEGER NOT NULL, user_id TEXT NOT NULL REFERENCES users, user_name TEXT,
    PRIMARY KEY (engagement_id, position)
);
CREATE TABLE rfis (id UUID PRIMARY KEY, engagement_id UUID NOT NULL REFERENCES engagements, previous UUID REFERENCES rfis);
CREATE TABLE reviews (id UUID PRIMARY KEY, name TEXT);
CREATE TABLE highlights (
    id TEXT PRIMARY KEY, review_id UUID NOT NULL REFERENCES reviews, position INTEGER NOT NULL,
    x1 DOUBLE PRECISION, y1 DOUBLE PRECISION, rect JSON, x1_text TEXT
);
CREATE TABLE responses (
    id TEXT PRIMARY KEY, highlight_id TEXT NOT NULL REFERENCES highlights, position INTEGER NOT NULL, text TEXT, author_id TEXT REFERENCES users
);
