CREATE TABLE "values" (
    id UUID PRIMARY KEY,
    t TEXT,
    s VARCHAR(10),
    i INT,
    l BIGINT,
    d DOUBLE PRECISION,
    m NUMERIC(15, 4),
    b BOOLEAN,
    u UUID,
    ts TIMESTAMP WITH TIME ZONE,
    z TIMESTAMP WITH TIME ZONE,
    lt TIMESTAMP,
    day DATE,
    ti TIME,
    j JSON,
    x BYTEA
);
