-- The CRM's tables, for SQLite and PostgreSQL alike.

CREATE TABLE users (
    id UUID PRIMARY KEY,
    email VARCHAR(200) NOT NULL UNIQUE,
    name VARCHAR(100) NOT NULL,
    status VARCHAR(10) NOT NULL,
    language VARCHAR(2),
    is_admin BOOLEAN NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    last_login_at TIMESTAMPTZ
);

CREATE TABLE accounts (
    id UUID PRIMARY KEY,
    parent_id UUID REFERENCES accounts (id),
    name VARCHAR(200) NOT NULL,
    vat VARCHAR(20),
    status VARCHAR(10),
    employees INTEGER,
    billing_street VARCHAR(200),
    billing_city VARCHAR(100),
    billing_postal_code VARCHAR(20),
    annual_revenue NUMERIC(14, 2),
    assigned_to UUID REFERENCES users (id),
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE account_watchers (
    account_id UUID NOT NULL REFERENCES accounts (id),
    user_id UUID NOT NULL REFERENCES users (id),
    PRIMARY KEY (account_id, user_id)
);

CREATE TABLE contacts (
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES accounts (id),
    assigned_to UUID REFERENCES users (id),
    first_name VARCHAR(100),
    last_name VARCHAR(100) NOT NULL,
    email VARCHAR(200),
    birthday DATE,
    is_active BOOLEAN NOT NULL,
    social JSON,
    created_on TIMESTAMPTZ NOT NULL
);

CREATE TABLE contact_tags (
    contact_id UUID NOT NULL REFERENCES contacts (id),
    position INTEGER NOT NULL,
    tag VARCHAR(50) NOT NULL,
    PRIMARY KEY (contact_id, position)
);

CREATE TABLE opportunities (
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES accounts (id),
    contact_id UUID REFERENCES contacts (id),
    name VARCHAR(200),
    budget BIGINT,
    expected_revenue NUMERIC(14, 2),
    currency CHAR(3),
    status VARCHAR(10) NOT NULL,
    close_date TIMESTAMPTZ,
    history JSON
);

CREATE TABLE documents (
    id UUID PRIMARY KEY,
    name VARCHAR(200) NOT NULL,
    kind VARCHAR(10) NOT NULL,
    mime_type VARCHAR(100) NOT NULL,
    url TEXT NOT NULL,
    size BIGINT,
    tags JSON,
    assigned_user UUID REFERENCES users (id),
    date_created TIMESTAMPTZ
);

CREATE TABLE document_accounts (
    document_id UUID NOT NULL REFERENCES documents (id),
    account_id UUID NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (document_id, account_id)
);
