-- whimbrel's own tables. The PostgreSQL connector has the same tables and columns in the schema `whimbrel`.

CREATE TABLE IF NOT EXISTS whimbrel_migration (
    name TEXT NOT NULL PRIMARY KEY,
    namespace TEXT NOT NULL,
    created_at TEXT NOT NULL,
    host_version TEXT NOT NULL,
    identity TEXT NOT NULL, -- JSON
    output TEXT NOT NULL, -- JSON
    pinned_at_us BIGINT NOT NULL,
    seed BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS whimbrel_holder (
    migration TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    who TEXT NOT NULL,
    since TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS whimbrel_checkpoint (
    migration TEXT NOT NULL,
    entity TEXT NOT NULL,
    state TEXT NOT NULL,
    document BIGINT NOT NULL,
    token TEXT NOT NULL,
    batches BIGINT NOT NULL,
    fates TEXT NOT NULL, -- JSON
    rows TEXT NOT NULL, -- JSON
    source TEXT, -- what it was when the entity was completed
    snapshots TEXT NOT NULL, -- JSON: as what the source was read, first to last
    updated_at TEXT NOT NULL,
    PRIMARY KEY (migration, entity)
);

CREATE TABLE IF NOT EXISTS whimbrel_dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    migration TEXT NOT NULL,
    entity TEXT NOT NULL,
    run TEXT NOT NULL,
    provisional INTEGER NOT NULL, -- 0 or 1
    document BIGINT NOT NULL,
    position TEXT NOT NULL,
    key TEXT,
    stage TEXT NOT NULL,
    code TEXT NOT NULL,
    field TEXT,
    message TEXT NOT NULL,
    plugin TEXT,
    digest TEXT,
    attempts BIGINT NOT NULL,
    format TEXT NOT NULL,
    original BLOB NOT NULL,
    at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('dead', 'parked', 'replayed', 'discarded')),
    reason TEXT, -- why it was discarded
    refused TEXT NOT NULL -- JSON: rows that the last attempt had, by table
);

CREATE TABLE IF NOT EXISTS whimbrel_dead_letter_attempt (
    migration TEXT NOT NULL,
    entity TEXT NOT NULL,
    document BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    run TEXT NOT NULL,
    at TEXT NOT NULL,
    digest TEXT,
    fate TEXT NOT NULL,
    stage TEXT,
    code TEXT,
    field TEXT,
    message TEXT,
    PRIMARY KEY (migration, entity, document, attempt)
);

CREATE INDEX IF NOT EXISTS whimbrel_dead_letter_entity ON whimbrel_dead_letter (migration, entity, document);

CREATE TABLE IF NOT EXISTS whimbrel_parked_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    migration TEXT NOT NULL,
    entity TEXT NOT NULL,
    document BIGINT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('waits', 'gives')),
    key_of TEXT NOT NULL, -- the columns of a table that the key is looked for in, or an entity whose ids are stored
    key BLOB NOT NULL,
    hash BIGINT NOT NULL, -- of both
    came BIGINT, -- the wave in which the parent came
    shown TEXT NOT NULL,
    reference TEXT NOT NULL,
    parent_entity TEXT,
    parent_table TEXT NOT NULL,
    parent_record TEXT -- where it is known
);

CREATE INDEX IF NOT EXISTS whimbrel_parked_key_record ON whimbrel_parked_key (migration, entity, document);

CREATE INDEX IF NOT EXISTS whimbrel_parked_key_key ON whimbrel_parked_key (migration, hash);

CREATE TABLE IF NOT EXISTS whimbrel_ledger (
    migration TEXT NOT NULL,
    entity TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('batch', 'replay', 'repair', 'junction')),
    run TEXT NOT NULL,
    first_document BIGINT NOT NULL,
    end_document BIGINT NOT NULL,
    end_token TEXT NOT NULL,
    digest TEXT,
    counts TEXT NOT NULL, -- JSON
    packed BLOB NOT NULL,
    PRIMARY KEY (migration, entity, sequence)
);

CREATE INDEX IF NOT EXISTS whimbrel_ledger_again ON whimbrel_ledger (migration, entity, sequence) WHERE kind <> 'batch';

CREATE TABLE IF NOT EXISTS whimbrel_deferred_reference (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    migration TEXT NOT NULL,
    entity TEXT NOT NULL,
    target_table TEXT NOT NULL,
    row_key TEXT NOT NULL,
    row_key_blob BLOB NOT NULL,
    column_name TEXT NOT NULL,
    parent_entity TEXT NOT NULL,
    parent_key TEXT NOT NULL,
    value BLOB NOT NULL,
    document INTEGER NOT NULL,
    record_key TEXT NOT NULL,
    parent_record_key TEXT, -- where it is known
    refusal TEXT
);

CREATE INDEX IF NOT EXISTS whimbrel_deferred_reference_entity ON whimbrel_deferred_reference (migration, entity);

CREATE TABLE IF NOT EXISTS whimbrel_nulled_reference (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    migration TEXT NOT NULL,
    entity TEXT NOT NULL,
    target_table TEXT NOT NULL,
    row_key TEXT NOT NULL,
    row_key_blob BLOB NOT NULL,
    column_name TEXT NOT NULL,
    parent_entity TEXT NOT NULL,
    parent_key TEXT NOT NULL,
    value BLOB NOT NULL,
    document INTEGER NOT NULL,
    record_key TEXT NOT NULL,
    parent_record_key TEXT, -- where it is known
    refusal TEXT,
    at TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS whimbrel_nulled_reference_parent
    ON whimbrel_nulled_reference (migration, parent_entity, parent_key);

CREATE INDEX IF NOT EXISTS whimbrel_nulled_reference_row
    ON whimbrel_nulled_reference (migration, entity, target_table, row_key_blob);

CREATE TABLE IF NOT EXISTS whimbrel_deferred_row (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    migration TEXT NOT NULL,
    target_table TEXT NOT NULL,
    sort_key BLOB NOT NULL,
    waits INTEGER NOT NULL, -- 0 or 1: ids are to be looked up
    place INTEGER NOT NULL, -- of the entity in the manifest
    entity TEXT NOT NULL,
    document INTEGER NOT NULL,
    record_key TEXT NOT NULL,
    columns TEXT NOT NULL, -- JSON
    packed BLOB NOT NULL,
    sources BLOB NOT NULL
);

CREATE INDEX IF NOT EXISTS whimbrel_deferred_row_key
    ON whimbrel_deferred_row (migration, target_table, waits, sort_key, place, document, id);

CREATE TABLE IF NOT EXISTS whimbrel_left_out_row (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    migration TEXT NOT NULL,
    target_table TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('dropped', 'conflicting', 'refused')),
    row_key TEXT NOT NULL,
    row_key_blob BLOB NOT NULL,
    column_name TEXT NOT NULL,
    why TEXT NOT NULL,
    at TEXT NOT NULL,
    place INTEGER NOT NULL, -- of the entity in the manifest
    entity TEXT NOT NULL,
    document INTEGER NOT NULL,
    record_key TEXT NOT NULL,
    columns TEXT NOT NULL, -- JSON
    packed BLOB NOT NULL,
    sources BLOB NOT NULL
);

CREATE INDEX IF NOT EXISTS whimbrel_left_out_row_record ON whimbrel_left_out_row (migration, entity, document);

CREATE TABLE IF NOT EXISTS whimbrel_gathered_row (
    migration TEXT NOT NULL,
    merged TEXT NOT NULL, -- the entity that it is gathered for
    generation INTEGER NOT NULL,
    sort_key BLOB NOT NULL, -- of what it is known by
    place INTEGER NOT NULL, -- of its entity among those that are merged
    document INTEGER NOT NULL,
    entity TEXT NOT NULL,
    record_key TEXT NOT NULL,
    body BLOB NOT NULL, -- BSON: its rows
    late INTEGER NOT NULL, -- 0 or 1: it has come behind a replay, and its group is to be merged again
    holds_id INTEGER NOT NULL, -- 0 or 1: its group has had its id before others joined
    PRIMARY KEY (migration, merged, generation, sort_key, place, document)
);

CREATE UNIQUE INDEX IF NOT EXISTS whimbrel_gathered_row_record ON whimbrel_gathered_row (migration, entity, record_key);

CREATE INDEX IF NOT EXISTS whimbrel_gathered_row_known ON whimbrel_gathered_row (migration, merged, sort_key);

CREATE TABLE IF NOT EXISTS whimbrel_merge (
    migration TEXT NOT NULL,
    merged TEXT NOT NULL, -- the entity
    document INTEGER NOT NULL, -- the number of the group
    identity TEXT NOT NULL,
    survivor TEXT NOT NULL, -- JSON
    id BLOB NOT NULL,
    members TEXT NOT NULL, -- JSON
    fields TEXT NOT NULL, -- JSON: by column, the member that its value is of
    PRIMARY KEY (migration, merged, document)
);

CREATE INDEX IF NOT EXISTS whimbrel_merge_id ON whimbrel_merge (migration, merged, id);

CREATE TABLE IF NOT EXISTS whimbrel_id_map (
    migration TEXT NOT NULL,
    entity TEXT NOT NULL,
    key TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (migration, entity, key)
);

CREATE INDEX IF NOT EXISTS whimbrel_id_map_id ON whimbrel_id_map (migration, entity, id);

CREATE TABLE IF NOT EXISTS whimbrel_numbering (
    migration TEXT NOT NULL,
    entity TEXT NOT NULL,
    last BIGINT, -- the number that was given last
    spare TEXT NOT NULL, -- numbers that were taken and not given
    PRIMARY KEY (migration, entity)
);

CREATE TABLE IF NOT EXISTS whimbrel_run (
    id TEXT NOT NULL PRIMARY KEY,
    migration TEXT NOT NULL,
    mode TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    status TEXT NOT NULL,
    report TEXT
);

CREATE TABLE IF NOT EXISTS whimbrel_review (
    migration TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('verify', 'repair')),
    part TEXT NOT NULL, -- an entity, or a table that is searched for rows that nobody wrote
    digest TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    place BLOB NOT NULL,
    is_done BIGINT NOT NULL CHECK (is_done IN (0, 1)),
    counts TEXT NOT NULL, -- JSON
    updated_at TEXT NOT NULL,
    PRIMARY KEY (migration, kind, part)
);

CREATE TABLE IF NOT EXISTS whimbrel_plugin_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    migration TEXT NOT NULL,
    run TEXT NOT NULL,
    at TEXT NOT NULL,
    plugin TEXT NOT NULL,
    entity TEXT NOT NULL,
    event TEXT NOT NULL,
    digest TEXT NOT NULL,
    previous TEXT,
    reason TEXT,
    detail TEXT NOT NULL -- JSON
);
