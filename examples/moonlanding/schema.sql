-- The target of Moonlanding, SQLite. Ids are UUIDs as text; times are ISO 8601 in UTC as text; amounts and
-- coordinates are REAL, and coordinates are in JSON as well, which keeps all of a double; `legacy_path` is where a row was in the old system.

-- Lookups and people

CREATE TABLE users (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    -- One person is one row, whatever the case the address was typed in.
    email TEXT COLLATE NOCASE UNIQUE,
    name TEXT,
    role TEXT CHECK (role IN ('partner', 'manager', 'clerk', 'client_admin', 'client_user')),
    type TEXT CHECK (type IN ('auditor', 'client')),
    status TEXT CHECK (status IN ('active', 'inactive', 'deleted')),
    photo_url TEXT,
    cv_path TEXT,
    auth_provider TEXT,
    priority_reviews JSON CHECK (json_valid(priority_reviews)),
    created_at TEXT
);

CREATE TABLE teams (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    context TEXT NOT NULL CHECK (context IN ('engagement_team', 'review_team', 'general')),
    created_at TEXT
);

CREATE TABLE team_members (
    team_id UUID NOT NULL REFERENCES teams (id),
    user_id UUID NOT NULL REFERENCES users (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (team_id, user_id)
);

CREATE TABLE team_partners (
    team_id UUID NOT NULL REFERENCES teams (id),
    user_id UUID NOT NULL REFERENCES users (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (team_id, user_id)
);

CREATE TABLE clients (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    code TEXT,
    entity_type TEXT,
    status TEXT CHECK (status IN ('active', 'inactive', 'prospect')),
    email TEXT,
    master_emails JSON CHECK (json_valid(master_emails)),
    address JSON CHECK (json_valid(address)),
    latitude REAL,
    longitude REAL,
    created_by UUID REFERENCES users (id),
    created_at TEXT
);

CREATE TABLE client_users (
    client_id UUID NOT NULL REFERENCES clients (id),
    user_id UUID NOT NULL REFERENCES users (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (client_id, user_id)
);

-- Templates

CREATE TABLE review_templates (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    template_type TEXT CHECK (template_type IN ('standard', 'tender', 'friday')),
    created_by UUID REFERENCES users (id)
);

CREATE TABLE template_sections (
    id UUID NOT NULL PRIMARY KEY,
    template_id UUID NOT NULL REFERENCES review_templates (id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (template_id, position)
);

-- Engagements

CREATE TABLE engagement_types (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
);

CREATE TABLE engagements (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    client_id UUID REFERENCES clients (id),
    client_name TEXT,
    engagement_type_id UUID REFERENCES engagement_types (id),
    name TEXT NOT NULL,
    year INTEGER,
    month TEXT,
    commencement_date TEXT,
    deadline_date TEXT,
    completion_date TEXT,
    team_id UUID REFERENCES teams (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'active')),
    stage TEXT CHECK (
        stage IN ('info_gathering', 'commencement', 'team_execution', 'partner_review', 'finalization', 'close_out')
    ),
    created_by UUID REFERENCES users (id),
    repeat_interval TEXT CHECK (repeat_interval IN ('once', 'monthly', 'yearly')),
    progress REAL,
    client_progress REAL,
    fee REAL,
    letter_client_status TEXT,
    letter_auditor_status TEXT,
    post_rfi_client_status TEXT,
    post_rfi_auditor_status TEXT,
    post_rfi_journal_client_status TEXT,
    post_rfi_journal_auditor_status TEXT,
    clerks_can_approve BOOLEAN CHECK (clerks_can_approve IN (0, 1)),
    feedback JSON CHECK (json_valid(feedback)),
    review_id UUID REFERENCES reviews (id),
    previous_review_id UUID REFERENCES reviews (id),
    created_at TEXT
);

CREATE TABLE engagement_users (
    engagement_id UUID NOT NULL REFERENCES engagements (id),
    user_id UUID NOT NULL REFERENCES users (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (engagement_id, user_id)
);

CREATE TABLE rfi_sections (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    engagement_id UUID NOT NULL REFERENCES engagements (id),
    name TEXT NOT NULL,
    "key" TEXT,
    position INTEGER NOT NULL
);

CREATE TABLE rfis (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    engagement_id UUID NOT NULL REFERENCES engagements (id),
    section_id UUID REFERENCES rfi_sections (id),
    "key" TEXT,
    name TEXT NOT NULL,
    question TEXT,
    requested_at TEXT,
    resolved_at TEXT,
    deadline_at TEXT,
    status TEXT NOT NULL CHECK (status IN ('open', 'resolved')),
    auditor_status TEXT CHECK (auditor_status IN ('Requested', 'Reviewing', 'Queries', 'Received')),
    client_status TEXT CHECK (client_status IN ('Pending', 'Partially Sent', 'Sent')),
    flag BOOLEAN CHECK (flag IN (0, 1))
);

CREATE TABLE rfi_users (
    rfi_id UUID NOT NULL REFERENCES rfis (id),
    user_id UUID NOT NULL REFERENCES users (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (rfi_id, user_id)
);

CREATE TABLE rfi_questions (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    rfi_id UUID NOT NULL REFERENCES rfis (id),
    question TEXT NOT NULL,
    position INTEGER NOT NULL,
    is_required BOOLEAN CHECK (is_required IN (0, 1)),
    asked_by UUID REFERENCES users (id),
    created_at TEXT
);

CREATE TABLE rfi_responses (
    id UUID NOT NULL PRIMARY KEY,
    rfi_id UUID NOT NULL REFERENCES rfis (id),
    legacy_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    responder_id UUID REFERENCES users (id),
    response_text TEXT NOT NULL,
    responded_at TEXT,
    status TEXT CHECK (status IN ('submitted', 'reviewed', 'rejected', 'accepted')),
    reviewed_by UUID REFERENCES users (id),
    UNIQUE (rfi_id, legacy_id)
);

CREATE TABLE files (
    id UUID NOT NULL PRIMARY KEY,
    rfi_id UUID NOT NULL REFERENCES rfis (id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL CHECK (path LIKE 'moonlanding/%'),
    size INTEGER NOT NULL,
    mime_type TEXT NOT NULL,
    -- In base64.
    md5 TEXT NOT NULL,
    created_by UUID REFERENCES users (id),
    UNIQUE (rfi_id, position)
);

-- Reviews

CREATE TABLE reviews (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    financial_year TEXT,
    -- NULL where the review does not say it: no engagement is made up.
    engagement_id UUID REFERENCES engagements (id),
    team_id UUID REFERENCES teams (id),
    template_id UUID REFERENCES review_templates (id),
    status TEXT NOT NULL CHECK (status IN ('open', 'closed')),
    stage TEXT,
    drive_file_id TEXT,
    is_private BOOLEAN CHECK (is_private IN (0, 1)),
    is_published BOOLEAN CHECK (is_published IN (0, 1)),
    published_at TEXT,
    closed_at TEXT,
    deadline_at TEXT,
    updated_at TEXT,
    email TEXT,
    created_by UUID REFERENCES users (id),
    first_manager_id UUID REFERENCES users (id),
    tags JSON CHECK (json_valid(tags)),
    tender_deadline TEXT,
    tender_announced_at TEXT,
    tender_contact TEXT,
    tender_price REAL,
    tender_winning_price REAL
);

CREATE TABLE flags (
    id UUID NOT NULL PRIMARY KEY,
    review_id UUID NOT NULL REFERENCES reviews (id),
    position INTEGER NOT NULL,
    flag_type TEXT NOT NULL,
    applied_by UUID REFERENCES users (id),
    applied_at TEXT,
    UNIQUE (review_id, position)
);

CREATE TABLE collaborators (
    id UUID NOT NULL PRIMARY KEY,
    review_id UUID NOT NULL REFERENCES reviews (id),
    position INTEGER NOT NULL,
    email TEXT NOT NULL,
    access_type TEXT NOT NULL CHECK (access_type IN ('permanent', 'temporary')),
    expires_at TEXT,
    UNIQUE (review_id, position)
);

CREATE TABLE review_users (
    review_id UUID NOT NULL REFERENCES reviews (id),
    user_id UUID NOT NULL REFERENCES users (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (review_id, user_id)
);

CREATE TABLE highlights (
    id UUID NOT NULL PRIMARY KEY,
    review_id UUID NOT NULL REFERENCES reviews (id),
    legacy_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    page_number INTEGER NOT NULL,
    uses_pdf_coordinates BOOLEAN NOT NULL CHECK (uses_pdf_coordinates IN (0, 1)),
    x1 REAL NOT NULL,
    y1 REAL NOT NULL,
    x2 REAL NOT NULL,
    y2 REAL NOT NULL,
    width REAL NOT NULL,
    height REAL NOT NULL,
    -- The same to the last bit: a REAL column of SQLite has no -0.
    bounding_rect JSON NOT NULL CHECK (json_valid(bounding_rect)),
    rects JSON NOT NULL CHECK (json_valid(rects)),
    text TEXT,
    image TEXT,
    comment TEXT,
    emoji TEXT,
    author_email TEXT,
    is_resolved BOOLEAN CHECK (is_resolved IN (0, 1)),
    resolved_by UUID REFERENCES users (id),
    resolved_at TEXT,
    is_partially_resolved BOOLEAN CHECK (is_partially_resolved IN (0, 1)),
    partially_resolved_by UUID REFERENCES users (id),
    partially_resolved_at TEXT,
    is_manager_resolved BOOLEAN CHECK (is_manager_resolved IN (0, 1)),
    is_partner_resolved BOOLEAN CHECK (is_partner_resolved IN (0, 1)),
    color TEXT CHECK (color IN ('grey', 'green', 'red', 'purple')),
    file_id TEXT,
    UNIQUE (review_id, legacy_id)
);

CREATE TABLE highlight_responses (
    id UUID NOT NULL PRIMARY KEY,
    highlight_id UUID NOT NULL REFERENCES highlights (id),
    legacy_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    user_id UUID REFERENCES users (id),
    text TEXT NOT NULL,
    created_at TEXT,
    UNIQUE (highlight_id, legacy_id)
);

CREATE TABLE removed_highlights (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    review_id UUID NOT NULL REFERENCES reviews (id),
    original_id TEXT NOT NULL,
    deleted_at TEXT NOT NULL,
    deleted_by UUID NOT NULL REFERENCES users (id),
    archived_by UUID REFERENCES users (id),
    resolution_notes TEXT,
    color TEXT CHECK (color IN ('grey', 'green', 'red', 'purple'))
);

CREATE TABLE checklists (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    review_id UUID REFERENCES reviews (id),
    name TEXT NOT NULL,
    type TEXT,
    is_mandatory BOOLEAN CHECK (is_mandatory IN (0, 1)),
    assigned_to UUID REFERENCES users (id),
    approved_by UUID REFERENCES users (id),
    approved_at TEXT,
    created_by UUID REFERENCES users (id),
    created_at TEXT
);

CREATE TABLE checklist_items (
    id UUID NOT NULL PRIMARY KEY,
    checklist_id UUID NOT NULL REFERENCES checklists (id),
    legacy_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    question TEXT NOT NULL,
    responses JSON NOT NULL CHECK (json_valid(responses)),
    is_done BOOLEAN NOT NULL CHECK (is_done IN (0, 1)),
    updated_by UUID REFERENCES users (id),
    UNIQUE (checklist_id, legacy_id)
);

-- What both systems have of the same kind

CREATE TABLE messages (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    engagement_id UUID REFERENCES engagements (id),
    review_id UUID REFERENCES reviews (id),
    author_id UUID REFERENCES users (id),
    body TEXT NOT NULL,
    sent_at TEXT NOT NULL,
    reactions JSON CHECK (json_valid(reactions)),
    mentions JSON CHECK (json_valid(mentions)),
    CHECK ((engagement_id IS NULL) <> (review_id IS NULL))
);

CREATE TABLE activity_logs (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    engagement_id UUID REFERENCES engagements (id),
    rfi_id UUID REFERENCES rfis (id),
    review_id UUID REFERENCES reviews (id),
    user_id UUID REFERENCES users (id),
    user_email TEXT,
    message TEXT NOT NULL,
    occurred_at TEXT NOT NULL
);

CREATE TABLE emails (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    system TEXT NOT NULL CHECK (system IN ('friday', 'myworkreview')),
    subject TEXT NOT NULL,
    sender_email TEXT NOT NULL,
    recipient_email TEXT,
    cc TEXT,
    bcc TEXT,
    body TEXT,
    received_at TEXT NOT NULL,
    attachments JSON CHECK (json_valid(attachments)),
    allocated BOOLEAN CHECK (allocated IN (0, 1))
);

CREATE TABLE permission_audit (
    id UUID NOT NULL PRIMARY KEY,
    legacy_path TEXT NOT NULL UNIQUE,
    user_id UUID NOT NULL REFERENCES users (id),
    affected_user_id UUID REFERENCES users (id),
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('grant', 'revoke', 'modify', 'role_change', 'template_applied')),
    old_permissions JSON CHECK (json_valid(old_permissions)),
    new_permissions JSON CHECK (json_valid(new_permissions)),
    reason TEXT,
    occurred_at TEXT NOT NULL
);
