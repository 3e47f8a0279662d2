//! whimbrel's own tables: the migration, its checkpoints, dead letters and ledger. Only statements; `commit` decides when.

use super::report::Fates;
use super::report::Reason;
use super::report::Rows;
use super::report::State;
use crate::connector::Target;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::record::Position;
use crate::record::Value;

/// The statements for one migration on one target.
#[derive(Debug, Clone)]
pub struct Bookkeeping {
    migration: String,
    tables: Names,
}

/// The full names of whimbrel's own tables.
#[derive(Debug, Clone)]
struct Names {
    migration: String,
    checkpoint: String,
    dead_letter: String,
    ledger: String,
    deferred_reference: String,
    nulled_reference: String,
    id_map: String,
    run: String,
}

/// What is stored of a migration at its first run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationRow {
    /// What ids hang on.
    pub namespace: String,
    /// The part of the fingerprint that may never change.
    pub identity: String,
    /// The part that may change with consent.
    pub output: String,
    /// The pinned clock, in microseconds since 1970.
    pub pinned_at_us: i64,
    /// The pinned random seed.
    pub seed: i64,
}

/// Where an entity stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkpoint {
    /// Whether it is done.
    pub state: State,
    /// How far the source is read.
    pub position: Position,
    /// Commits so far.
    pub batches: u64,
    /// Fates so far.
    pub fates: Fates,
    /// Rows so far.
    pub rows: Rows,
    /// When it was last saved, RFC 3339.
    pub updated_at: String,
}

/// A record set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number in the source.
    pub document: u64,
    /// Where it stands there.
    pub position: String,
    /// Its key, where it has one.
    pub key: Option<String>,
    /// Where it was refused: `read`, `transform`, `validate`, `resolve`, `write`.
    pub stage: &'static str,
    /// Why, in short.
    pub code: String,
    /// The field or column at fault.
    pub field: Option<String>,
    /// One sentence.
    pub message: String,
    /// The component that refused it, or whose rows were refused.
    pub plugin: Option<String>,
    /// That component's digest.
    pub digest: Option<String>,
    /// Whether the original is BSON; text otherwise.
    pub is_bson: bool,
    /// The record as it was read.
    pub original: Vec<u8>,
}

/// A stored dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLetter {
    /// Its number in the target.
    pub id: i64,
    /// The entity.
    pub entity: String,
    /// The run that set it aside.
    pub run: String,
    /// Whether the batch it came from was rolled back.
    pub is_provisional: bool,
    /// How often it was tried.
    pub attempts: i64,
    /// When, RFC 3339.
    pub at: String,
    /// `read`, `transform`, `validate`, `resolve`, `write`.
    pub stage: String,
    /// Everything else; its `stage` is empty.
    pub letter: DeadLetter,
}

/// A reference that was written NULL.
#[derive(Debug, Clone, PartialEq)]
pub struct NulledReference {
    /// The table.
    pub table: String,
    /// The row's key, for people.
    pub row_key: String,
    /// The row's key, compact.
    pub row_key_blob: Vec<u8>,
    /// The column.
    pub column: String,
    /// The parent's entity, or its table where no entity feeds it.
    pub parent: String,
    /// The value that found no parent, for people.
    pub parent_key: String,
    /// The same, compact.
    pub value: Vec<u8>,
}

impl Bookkeeping {
    /// Names the tables of this target.
    pub fn new(target: &dyn Target, migration: &str) -> Self {
        let own = |name| target.own_table(name);
        Self {
            migration: migration.to_owned(),
            tables: Names {
                migration: own("migration"),
                checkpoint: own("checkpoint"),
                dead_letter: own("dead_letter"),
                ledger: own("ledger"),
                deferred_reference: own("deferred_reference"),
                nulled_reference: own("nulled_reference"),
                id_map: own("id_map"),
                run: own("run"),
            },
        }
    }

    /// Returns what was stored at the first run.
    pub async fn migration(&self, tx: &mut dyn Transaction) -> Result<Option<MigrationRow>, TargetError> {
        let sql = format!(
            "SELECT namespace, identity, output, pinned_at_us, seed FROM {} WHERE name = $1",
            self.tables.migration
        );
        let rows = tx.query(&sql, &[text(&self.migration)]).await?;
        Ok(rows.into_iter().next().map(|row| {
            let mut row = Columns::new(row);
            MigrationRow {
                namespace: row.text(),
                identity: row.text(),
                output: row.text(),
                pinned_at_us: row.integer(),
                seed: row.integer(),
            }
        }))
    }

    /// Stores a migration at its first run.
    pub async fn insert_migration(&self, tx: &mut dyn Transaction, row: &MigrationRow) -> Result<(), TargetError> {
        let sql = format!(
            "INSERT INTO {} (name, namespace, created_at, host_version, identity, output, pinned_at_us, seed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            self.tables.migration
        );
        let parameters = [
            text(&self.migration),
            text(&row.namespace),
            text(&now()),
            text(env!("CARGO_PKG_VERSION")),
            text(&row.identity),
            text(&row.output),
            Value::Integer(row.pinned_at_us),
            Value::Integer(row.seed),
        ];
        tx.execute(&sql, &parameters).await.map(drop)
    }

    /// Stores a fingerprint that the user has accepted.
    pub async fn update_migration(&self, tx: &mut dyn Transaction, row: &MigrationRow) -> Result<(), TargetError> {
        let sql = format!("UPDATE {} SET identity = $1, output = $2 WHERE name = $3", self.tables.migration);
        tx.execute(&sql, &[text(&row.identity), text(&row.output), text(&self.migration)]).await.map(drop)
    }

    /// Returns where an entity stands; the start where nothing is stored.
    pub async fn checkpoint(&self, tx: &mut dyn Transaction, entity: &str) -> Result<Checkpoint, Failure> {
        let sql = format!(
            "SELECT state, document, token, batches, fates, rows, updated_at FROM {} WHERE migration = $1 AND entity = $2",
            self.tables.checkpoint
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(entity)]).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(Checkpoint::default()) };
        let mut row = Columns::new(row);
        let unreadable = |what: &'static str| {
            move |error: serde_json::Error| {
                Failure::failed(format!("the stored checkpoint of `{entity}` has unreadable {what}")).cause(error)
            }
        };
        Ok(Checkpoint {
            state: serde_json::from_value(serde_json::Value::String(row.text())).map_err(unreadable("state"))?,
            position: Position { document: row.unsigned(), token: row.text() },
            batches: row.unsigned(),
            fates: serde_json::from_str(&row.text()).map_err(unreadable("fates"))?,
            rows: serde_json::from_str(&row.text()).map_err(unreadable("rows"))?,
            updated_at: row.text(),
        })
    }

    /// Moves a checkpoint from where it was read to where it stands now; `false` where somebody else has moved it.
    pub async fn move_checkpoint(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        from: &Checkpoint,
        to: &Checkpoint,
    ) -> Result<bool, TargetError> {
        let state = serde_json::to_value(to.state).ok().and_then(|state| state.as_str().map(str::to_owned));
        let to_values = [
            text(&state.unwrap_or_default()),
            integer(to.position.document),
            text(&to.position.token),
            integer(to.batches),
            text(&json(&to.fates)),
            text(&json(&to.rows)),
            text(&now()),
            text(&self.migration),
            text(entity),
        ];
        if from.batches == 0 {
            let sql = format!(
                "INSERT INTO {} (state, document, token, batches, fates, rows, updated_at, migration, entity) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (migration, entity) DO NOTHING",
                self.tables.checkpoint
            );
            return Ok(tx.execute(&sql, &to_values).await? == 1);
        }
        let sql = format!(
            "UPDATE {} SET state = $1, document = $2, token = $3, batches = $4, fates = $5, rows = $6, updated_at = $7 \
             WHERE migration = $8 AND entity = $9 AND document = $10 AND batches = $11",
            self.tables.checkpoint
        );
        let mut parameters = to_values.to_vec();
        parameters.extend([integer(from.position.document), integer(from.batches)]);
        Ok(tx.execute(&sql, &parameters).await? == 1)
    }

    /// Stores dead letters, provisional ones in place of earlier provisional ones.
    pub async fn insert_dead_letters(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        run: &str,
        is_provisional: bool,
        letters: &[DeadLetter],
    ) -> Result<(), TargetError> {
        let insert = format!(
            "INSERT INTO {} (migration, entity, run, provisional, document, position, key, stage, code, field, message, \
             plugin, digest, attempts, format, original, at)",
            self.tables.dead_letter
        );
        let at = text(&now());
        let row = |letter: &DeadLetter| {
            vec![
                text(&self.migration),
                text(entity),
                text(run),
                Value::Integer(i64::from(is_provisional)),
                integer(letter.document),
                text(&letter.position),
                optional(letter.key.as_deref()),
                text(letter.stage),
                text(&letter.code),
                optional(letter.field.as_deref()),
                text(&letter.message),
                optional(letter.plugin.as_deref()),
                optional(letter.digest.as_deref()),
                Value::Integer(1),
                text(if letter.is_bson { "bson" } else { "text" }),
                Value::Bytes(letter.original.clone()),
                at.clone(),
            ]
        };
        insert_rows(tx, &insert, "", letters, row).await
    }

    /// Forgets the provisional dead letters of an entity: its batch has been read again.
    pub async fn forget_provisional(&self, tx: &mut dyn Transaction, entity: &str) -> Result<u64, TargetError> {
        let sql =
            format!("DELETE FROM {} WHERE migration = $1 AND entity = $2 AND provisional = 1", self.tables.dead_letter);
        tx.execute(&sql, &[text(&self.migration), text(entity)]).await
    }

    /// Counts the dead letters by reason, most frequent first; with `provisional`, only the provisional ones.
    pub async fn reasons(&self, tx: &mut dyn Transaction, provisional: bool) -> Result<Vec<Reason>, TargetError> {
        let sql = format!(
            "SELECT entity, stage, code, field, COUNT(*) FROM {} WHERE migration = $1 AND provisional = $2 \
             GROUP BY entity, stage, code, field ORDER BY 5 DESC, 1, 2, 3, 4",
            self.tables.dead_letter
        );
        let rows = tx.query(&sql, &[text(&self.migration), Value::Integer(i64::from(provisional))]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                Reason {
                    entity: row.text(),
                    stage: row.text(),
                    code: row.text(),
                    field: row.optional(),
                    count: row.unsigned(),
                }
            })
            .collect())
    }

    /// Returns a page of stored dead letters behind a number, in the order of their numbers.
    pub async fn dead_letters(
        &self,
        tx: &mut dyn Transaction,
        entity: Option<&str>,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredLetter>, TargetError> {
        // Placeholders are numbered by their first use.
        let (of_entity, limit_place) = if entity.is_some() { (" AND entity = $3", "$4") } else { ("", "$3") };
        let sql = format!(
            "SELECT id, entity, run, provisional, attempts, at, stage, document, position, key, code, field, message, \
             plugin, digest, format, original FROM {} WHERE migration = $1 AND id > $2{of_entity} ORDER BY id LIMIT {limit_place}",
            self.tables.dead_letter
        );
        let mut parameters = vec![text(&self.migration), Value::Integer(after)];
        parameters.extend(entity.map(text));
        parameters.push(Value::Integer(limit));
        Ok(tx.query(&sql, &parameters).await?.into_iter().map(stored_letter).collect())
    }

    /// Adds a ledger entry.
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    pub async fn insert_ledger(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        sequence: u64,
        first: u64,
        end: &Position,
        digest: &str,
        counts: &str,
        packed: Vec<u8>,
    ) -> Result<(), TargetError> {
        let sql = format!(
            "INSERT INTO {} (migration, entity, sequence, first_document, end_document, end_token, digest, counts, packed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            self.tables.ledger
        );
        let parameters = [
            text(&self.migration),
            text(entity),
            integer(sequence),
            integer(first),
            integer(end.document),
            text(&end.token),
            text(digest),
            text(counts),
            Value::Bytes(packed),
        ];
        tx.execute(&sql, &parameters).await.map(drop)
    }

    /// Returns the packed part of the next ledger entry behind `after`, with its sequence.
    pub async fn ledger_after(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        after: i64,
    ) -> Result<Option<(i64, Vec<u8>)>, TargetError> {
        let sql = format!(
            "SELECT sequence, packed FROM {} WHERE migration = $1 AND entity = $2 AND sequence > $3 ORDER BY sequence LIMIT 1",
            self.tables.ledger
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(entity), Value::Integer(after)]).await?;
        Ok(rows.into_iter().next().map(|row| {
            let mut row = Columns::new(row);
            (row.integer(), row.bytes())
        }))
    }

    /// Records references written NULL: for good, or until the entity's end.
    pub async fn insert_references(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        deferred: bool,
        references: &[NulledReference],
    ) -> Result<(), TargetError> {
        let (table, at_column) =
            if deferred { (&self.tables.deferred_reference, "") } else { (&self.tables.nulled_reference, ", at") };
        let insert = format!(
            "INSERT INTO {table} (migration, entity, target_table, row_key, row_key_blob, column_name, parent_entity, \
             parent_key, value{at_column})"
        );
        let at = (!deferred).then(|| text(&now()));
        let row = |reference: &NulledReference| {
            let mut row = vec![
                text(&self.migration),
                text(entity),
                text(&reference.table),
                text(&reference.row_key),
                Value::Bytes(reference.row_key_blob.clone()),
                text(&reference.column),
                text(&reference.parent),
                text(&reference.parent_key),
                Value::Bytes(reference.value.clone()),
            ];
            row.extend(at.clone());
            row
        };
        insert_rows(tx, &insert, "", references, row).await
    }

    /// Returns the first deferred references of an entity, with their numbers.
    pub async fn deferred_references(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        limit: i64,
    ) -> Result<Vec<(i64, NulledReference)>, TargetError> {
        let sql = format!(
            "SELECT id, target_table, row_key, row_key_blob, column_name, parent_entity, parent_key, value FROM {} \
             WHERE migration = $1 AND entity = $2 ORDER BY id LIMIT $3",
            self.tables.deferred_reference
        );
        let parameters = [text(&self.migration), text(entity), Value::Integer(limit)];
        let rows = tx.query(&sql, &parameters).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                let reference = |row: &mut Columns| NulledReference {
                    table: row.text(),
                    row_key: row.text(),
                    row_key_blob: row.bytes(),
                    column: row.text(),
                    parent: row.text(),
                    parent_key: row.text(),
                    value: row.bytes(),
                };
                (row.integer(), reference(&mut row))
            })
            .collect())
    }

    /// Forgets deferred references up to a number.
    pub async fn forget_deferred(&self, tx: &mut dyn Transaction, entity: &str, up_to: i64) -> Result<(), TargetError> {
        let sql =
            format!("DELETE FROM {} WHERE migration = $1 AND entity = $2 AND id <= $3", self.tables.deferred_reference);
        tx.execute(&sql, &[text(&self.migration), text(entity), Value::Integer(up_to)]).await.map(drop)
    }

    /// Stores the ids that a transformer gave, by source key.
    pub async fn insert_ids(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        ids: &[(String, Vec<u8>)],
    ) -> Result<(), TargetError> {
        let insert = format!("INSERT INTO {} (migration, entity, key, id)", self.tables.id_map);
        let row = |(key, id): &(String, Vec<u8>)| {
            vec![text(&self.migration), text(entity), text(key), Value::Bytes(id.clone())]
        };
        insert_rows(tx, &insert, "ON CONFLICT (migration, entity, key) DO NOTHING", ids, row).await
    }

    /// Returns the id that a transformer gave to a source key, compact.
    pub async fn id(&self, tx: &mut dyn Transaction, entity: &str, key: &str) -> Result<Option<Vec<u8>>, TargetError> {
        let sql = format!("SELECT id FROM {} WHERE migration = $1 AND entity = $2 AND key = $3", self.tables.id_map);
        let rows = tx.query(&sql, &[text(&self.migration), text(entity), text(key)]).await?;
        Ok(rows.into_iter().next().map(|row| Columns::new(row).bytes()))
    }

    /// Copies where an entity stands, its ledger and its stored ids into another target's tables, page by page.
    pub async fn copy(
        &self,
        from: &mut dyn Transaction,
        into: &Self,
        to: &mut dyn Transaction,
        entity: &str,
    ) -> Result<(), TargetError> {
        const PAGE: i64 = 100;
        for (source, target, columns, order) in [
            (
                &self.tables.checkpoint,
                &into.tables.checkpoint,
                "state, document, token, batches, fates, rows, updated_at",
                "entity",
            ),
            (
                &self.tables.ledger,
                &into.tables.ledger,
                "sequence, first_document, end_document, end_token, digest, counts, packed",
                "sequence",
            ),
            (&self.tables.id_map, &into.tables.id_map, "key, id", "key"),
            (
                &self.tables.deferred_reference,
                &into.tables.deferred_reference,
                "target_table, row_key, row_key_blob, column_name, parent_entity, parent_key, value",
                "id",
            ),
        ] {
            let select = format!(
                "SELECT {columns} FROM {source} WHERE migration = $1 AND entity = $2 ORDER BY {order} LIMIT $3 OFFSET $4"
            );
            let places: Vec<String> = (3..3 + columns.split(", ").count()).map(|place| format!("${place}")).collect();
            let insert =
                format!("INSERT INTO {target} (migration, entity, {columns}) VALUES ($1, $2, {})", places.join(", "));
            for page in 0.. {
                let place = [text(&self.migration), text(entity), Value::Integer(PAGE), Value::Integer(page * PAGE)];
                let rows = from.query(&select, &place).await?;
                let is_last = rows.len() < 100;
                for row in rows {
                    let parameters: Vec<Value> = [text(&self.migration), text(entity)].into_iter().chain(row).collect();
                    to.execute(&insert, &parameters).await?;
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Notes that a run began.
    pub async fn insert_run(
        &self,
        tx: &mut dyn Transaction,
        run: &str,
        mode: &str,
        at: &str,
    ) -> Result<(), TargetError> {
        let sql = format!(
            "INSERT INTO {} (id, migration, mode, started_at, status) VALUES ($1, $2, $3, $4, 'running')",
            self.tables.run
        );
        tx.execute(&sql, &[text(run), text(&self.migration), text(mode), text(at)]).await.map(drop)
    }

    /// Notes how a run ended.
    pub async fn end_run(
        &self,
        tx: &mut dyn Transaction,
        run: &str,
        status: &str,
        report: &str,
    ) -> Result<(), TargetError> {
        let sql = format!("UPDATE {} SET ended_at = $1, status = $2, report = $3 WHERE id = $4", self.tables.run);
        tx.execute(&sql, &[text(&now()), text(status), text(report), text(run)]).await.map(drop)
    }

    /// Forgets everything about the migration; returns what was forgotten, by table.
    pub async fn reset(&self, tx: &mut dyn Transaction) -> Result<Vec<(&'static str, u64)>, TargetError> {
        let mut forgotten = Vec::new();
        for (name, table, column) in self.per_migration() {
            let sql = format!("DELETE FROM {table} WHERE {column} = $1");
            forgotten.push((name, tx.execute(&sql, &[text(&self.migration)]).await?));
        }
        Ok(forgotten)
    }

    /// Counts what `reset` would forget, by table.
    pub async fn count(&self, tx: &mut dyn Transaction) -> Result<Vec<(&'static str, u64)>, TargetError> {
        let mut counts = Vec::new();
        for (name, table, column) in self.per_migration() {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE {column} = $1");
            let rows = tx.query(&sql, &[text(&self.migration)]).await?;
            counts.push((name, rows.into_iter().next().map_or(0, |row| Columns::new(row).unsigned())));
        }
        Ok(counts)
    }

    fn per_migration(&self) -> [(&'static str, &str, &'static str); 8] {
        [
            ("checkpoint", &self.tables.checkpoint, "migration"),
            ("dead_letter", &self.tables.dead_letter, "migration"),
            ("ledger", &self.tables.ledger, "migration"),
            ("deferred_reference", &self.tables.deferred_reference, "migration"),
            ("nulled_reference", &self.tables.nulled_reference, "migration"),
            ("id_map", &self.tables.id_map, "migration"),
            ("run", &self.tables.run, "migration"),
            ("migration", &self.tables.migration, "name"),
        ]
    }
}

/// Rows in one statement. Few sizes, as a target keeps each statement prepared.
const ROWS_A_STATEMENT: [usize; 3] = [64, 8, 1];
/// Bytes of values in one statement, about.
const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// Inserts rows, many in one statement: each statement is a round trip.
async fn insert_rows<T>(
    tx: &mut dyn Transaction,
    insert: &str,
    conflict: &str,
    items: &[T],
    row: impl Fn(&T) -> Vec<Value>,
) -> Result<(), TargetError> {
    let mut items = items.iter().peekable();
    while items.peek().is_some() {
        let mut rows: Vec<Vec<Value>> = Vec::new();
        let mut bytes = 0;
        while let Some(item) = items.next_if(|_| rows.len() < ROWS_A_STATEMENT[0] && bytes < STATEMENT_BYTES_MAX) {
            let row = row(item);
            bytes += row.iter().map(bytes_of).sum::<usize>();
            rows.push(row);
        }
        for size in ROWS_A_STATEMENT {
            while rows.len() >= size {
                let now: Vec<Vec<Value>> = rows.drain(..size).collect();
                let columns = now[0].len();
                let places: Vec<String> = (0..size)
                    .map(|row| {
                        let places: Vec<String> =
                            (1..=columns).map(|place| format!("${}", row * columns + place)).collect();
                        format!("({})", places.join(", "))
                    })
                    .collect();
                let sql = format!("{insert} VALUES {} {conflict}", places.join(", "));
                tx.execute(&sql, &now.concat()).await?;
            }
        }
    }
    Ok(())
}

fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 8,
    }
}

fn stored_letter(row: Vec<Value>) -> StoredLetter {
    let mut row = Columns::new(row);
    StoredLetter {
        id: row.integer(),
        entity: row.text(),
        run: row.text(),
        is_provisional: row.integer() != 0,
        attempts: row.integer(),
        at: row.text(),
        stage: row.text(),
        letter: DeadLetter {
            document: row.unsigned(),
            position: row.text(),
            key: row.optional(),
            stage: "",
            code: row.text(),
            field: row.optional(),
            message: row.text(),
            plugin: row.optional(),
            digest: row.optional(),
            is_bson: row.text() == "bson",
            original: row.bytes(),
        },
    }
}

/// Takes the columns of one row in order; these tables are our own, so a wrong type reads as empty.
struct Columns(std::vec::IntoIter<Value>);

impl Columns {
    fn new(row: Vec<Value>) -> Self {
        Self(row.into_iter())
    }

    fn optional(&mut self) -> Option<String> {
        match self.0.next() {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn text(&mut self) -> String {
        self.optional().unwrap_or_default()
    }

    fn integer(&mut self) -> i64 {
        match self.0.next() {
            Some(Value::Integer(value)) => value,
            _ => 0,
        }
    }

    fn unsigned(&mut self) -> u64 {
        u64::try_from(self.integer()).unwrap_or(0)
    }

    fn bytes(&mut self) -> Vec<u8> {
        match self.0.next() {
            Some(Value::Bytes(bytes)) => bytes,
            _ => Vec::new(),
        }
    }
}

fn text(value: &str) -> Value {
    // PostgreSQL's text holds no NUL; a message that quotes one shows it instead.
    if value.contains('\0') { Value::Text(value.replace('\0', "\\0")) } else { Value::Text(value.to_owned()) }
}

fn optional(value: Option<&str>) -> Value {
    value.map_or(Value::Null, text)
}

fn integer(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("counts are plain maps of integers")
}

/// Returns the present, RFC 3339 in UTC. It dates our own bookkeeping and never enters a row.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
