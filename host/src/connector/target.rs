//! The contract of a target: a database with transactions that also holds whimbrel's own tables.

use std::collections::HashMap;

use async_trait::async_trait;

use super::audit::Audit;
use crate::record::TableSchema;
use crate::record::Value;

/// What a target is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is created or changed: dry runs, plans, status.
    ReadOnly,
    /// A run; a missing SQLite file is created.
    ReadWrite,
}

/// A table that stands in the target, and what a run writes of it.
#[derive(Debug, Clone)]
pub struct Written<'a> {
    /// The table.
    pub table: &'a TableSchema,
    /// Indexes of the columns that rows are inserted with.
    pub inserted: Vec<usize>,
    /// Indexes of the columns that are changed in rows that stand there; empty where none are.
    pub updated: Vec<usize>,
}

/// A target database. Cheap to share; every transaction has a connection of its own where the database allows it.
#[async_trait]
pub trait Target: Send + Sync {
    /// Returns the URL with its password masked.
    fn url(&self) -> &str;

    /// Returns how many transactions may be open side by side: 1 for SQLite.
    fn writers_max(&self) -> usize;

    /// Returns the full name of one of whimbrel's own tables: `whimbrel.ledger`, `whimbrel_ledger`.
    fn own_table(&self, name: &str) -> String;

    /// Returns the table's schema, or `None` where there is no such table.
    async fn table(&self, name: &str) -> Result<Option<TableSchema>, TargetError>;

    /// Returns the schemas that these tables would have after the statements of a schema file; `None` for a table that
    /// is not there even then.
    ///
    /// The file is tried out against what stands in the target, and nothing of it stays. It fails where
    /// `apply_schema` would, but for what only the rows in a SQLite file would refuse.
    async fn tables_of_script(&self, sql: &str, names: &[String]) -> Result<Vec<Option<Made>>, TargetError>;

    /// Runs the statements of a schema file in one transaction.
    async fn apply_schema(&self, sql: &str) -> Result<(), TargetError>;

    /// Returns whether whimbrel's own tables are there.
    async fn has_own_tables(&self) -> Result<bool, TargetError>;

    /// Fails where a run could not write: the file, the account or the server do not allow it. Asked before every run and
    /// every dry run, whatever the target was opened for, so that both fail alike; nothing is written to find out.
    async fn check_writable(&self, written: &[Written<'_>]) -> Result<(), TargetError>;

    /// Takes the lock of a migration for a run, until the guard is dropped or the process dies.
    ///
    /// Fails with [`TargetError::Locked`] where another process has it; it is told `who` that is. The run is noted in
    /// whimbrel's own tables, which are created where they are missing. From then on every transaction of this target is
    /// the run's: once another run is noted, none can begin any more, [`TargetError::Lost`]. Those that had begun before
    /// are waited for here.
    async fn lock(&self, migration: &str, run: &str, who: &str) -> Result<Box<dyn Lock>, TargetError>;

    /// Returns who has the lock of a migration; `None` where nobody has.
    async fn lock_holder(&self, migration: &str) -> Result<Option<String>, TargetError>;

    /// Returns why no column of this target gives the value back as it is, where that is so: what a dry run must know.
    fn cannot_hold(&self, _value: &Value) -> Option<String> {
        None
    }

    /// Returns what follows a text column of whimbrel's own tables that is to be one of a JSON array's texts, which is
    /// this parameter.
    fn among(&self, parameter: &str) -> String;

    /// Returns the SQL that takes a number of this sequence, where a number stays taken though its transaction comes to
    /// nothing.
    fn kept_number(&self, _sequence: &str) -> Option<String> {
        None
    }

    /// Returns the tables with a foreign key to this one.
    async fn referrers(&self, table: &str) -> Result<Vec<TableSchema>, TargetError>;

    /// Begins a transaction.
    async fn begin(&self) -> Result<Box<dyn Transaction>, TargetError>;
}

/// The lock of a migration; dropping it releases it.
#[async_trait]
pub trait Lock: Send + Sync {
    /// Watches the lock for as long as this is awaited: one that is gone is taken again. Returns where another run has it.
    async fn lost(&self) -> TargetError;
}

/// What became of one row that was to be inserted.
#[derive(Debug, Clone, PartialEq)]
pub enum Inserted {
    /// It stands in the table now.
    New,
    /// A row with this key stands there already, with these values of the columns that were to be written, in
    /// their order, as the column gives them back. Nothing was changed.
    Conflict(Vec<Value>),
}

/// Rows for one table that share their columns.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The table.
    pub table: &'a TableSchema,
    /// Indexes of the table's columns, in the order of each row's values.
    pub columns: &'a [usize],
    /// Indexes of the table's columns that tell rows apart; empty where nothing does and no row conflicts.
    pub key: &'a [usize],
    /// The rows, each with one value a column.
    pub rows: &'a [&'a [Value]],
}

/// Records whose rows are written together or not at all.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    /// Their rows, in the order in which tables are written.
    pub tables: &'a [Rows<'a>],
    /// For each table, the number of each row's record, from 0 and ascending.
    pub of: &'a [Vec<usize>],
    /// How many records there are.
    pub count: usize,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Sifted {
    /// All its rows stand in their tables now.
    New,
    /// None of them does, for one of them was refused.
    Refused(Refusal),
    /// None of them does: a row with the key of one of them stands there. Records behind this one were not tried.
    Conflict,
}

/// Whether something of the target's own may change rows while they are inserted, and when it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Triggers {
    /// Nothing does.
    None,
    /// With the statement that inserts them.
    AtOnce,
    /// Some of it when deferred constraints are checked.
    Deferred,
}

/// One open transaction. Dropped without `commit`, it rolls back.
#[async_trait]
pub trait Transaction: Audit {
    /// Inserts rows and returns one answer a row, in order. Two of them with the same key: the second conflicts with the first.
    ///
    /// A row whose key stands conflicts with it, whatever else there is against the row. One that a constraint refuses
    /// otherwise gives [`TargetError::Refused`]; the transaction can then only be rolled back, or rolled back to a savepoint.
    async fn insert(&mut self, rows: Rows<'_>) -> Result<Vec<Inserted>, TargetError>;

    /// Inserts records one after another, and leaves those out that are refused: what stands is what would stand had
    /// each been tried by itself. For many refusals; `None` where the target has no quick way, and nothing has happened.
    async fn sift(&mut self, _records: &Records<'_>) -> Result<Option<Vec<Sifted>>, TargetError> {
        Ok(None)
    }

    /// Sets all columns but the key's of the rows with these keys. Every row is there.
    async fn update(&mut self, rows: Rows<'_>) -> Result<(), TargetError>;

    /// Returns whether triggers run when a row of the table is inserted: they may change what was written. Behind
    /// [`Self::insert`] the target is not asked again.
    async fn insert_triggers(&mut self, table: &TableSchema) -> Result<Triggers, TargetError>;

    /// Returns whether triggers run when a row of the table is updated: they may change what was written.
    async fn has_update_triggers(&mut self, table: &TableSchema) -> Result<bool, TargetError>;

    /// Returns the rows found by `by` (indexes into the table's columns) among `keys`, with the values of `columns`
    /// as the columns give them back. A key with a NULL finds nothing.
    async fn find(
        &mut self,
        table: &TableSchema,
        by: &[usize],
        keys: &[Vec<Value>],
        columns: &[usize],
    ) -> Result<HashMap<Vec<u8>, Vec<Value>>, TargetError>;

    /// Removes the rows with these keys. One that is not there is no error; what the target refuses is.
    async fn delete(&mut self, table: &TableSchema, key: &[usize], keys: &[Vec<Value>]) -> Result<(), TargetError>;

    /// Returns so many rows at most behind a key, in the target's own order of keys, with the values of `columns`. Rows
    /// whose key holds a NULL are left out.
    async fn page(
        &mut self,
        table: &TableSchema,
        key: &[usize],
        after: Option<&[Value]>,
        columns: &[usize],
        limit: usize,
    ) -> Result<Vec<Vec<Value>>, TargetError>;

    /// Takes so many numbers for a column with a sequence, in its order: numbers that no row has and that it gives to
    /// nobody else. `last` is the one that was given last, where that is known.
    async fn take_numbers(
        &mut self,
        table: &TableSchema,
        column: usize,
        last: Option<i64>,
        count: usize,
    ) -> Result<Vec<i64>, TargetError>;

    /// Moves the sequence of a column on where it would still give a number that lies behind one of the rows' values:
    /// never back. Returns what was moved. It may stay moved where the transaction comes to nothing.
    async fn advance_sequence(&mut self, table: &TableSchema, column: usize) -> Result<Option<Advanced>, TargetError>;

    /// Checks deferred constraints now, as a commit would.
    async fn check_constraints(&mut self) -> Result<(), TargetError>;

    /// Sets a savepoint of this name.
    async fn savepoint(&mut self, name: &str) -> Result<(), TargetError>;

    /// Rolls back to a savepoint, which stays.
    async fn rollback_to(&mut self, name: &str) -> Result<(), TargetError>;

    /// Forgets a savepoint, keeping what came after it.
    async fn release(&mut self, name: &str) -> Result<(), TargetError>;

    /// Adds rows to one of whimbrel's own tables; `columns` are their names, with commas.
    async fn append(&mut self, table: &str, columns: &str, rows: &[Vec<Value>]) -> Result<(), TargetError>;

    /// Runs one statement on whimbrel's own tables, with `$1`, `$2` … in the order of their first use, and returns
    /// the number of rows it touched.
    async fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, TargetError>;

    /// Returns the rows of one query on whimbrel's own tables. Only NULL, integers, floats, text and bytes come back.
    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, TargetError>;

    /// Runs one statement on whimbrel's own tables and commits, as one message where there is a server: it is done whole
    /// or not at all, even where this process ends meanwhile.
    async fn execute_and_commit(mut self: Box<Self>, sql: &str) -> Result<(), TargetError>;

    /// Commits. [`TargetError::Transient`] means that whether it landed is not known.
    async fn commit(self: Box<Self>) -> Result<(), TargetError>;

    /// Rolls back.
    async fn rollback(self: Box<Self>) -> Result<(), TargetError>;
}

/// A sequence that was moved on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Advanced {
    /// Its name.
    pub sequence: String,
    /// The column that it numbers.
    pub column: String,
    /// Where it stood.
    pub from: i64,
    /// Where it stands.
    pub to: i64,
}

/// A table that a schema file makes.
#[derive(Debug, Clone)]
pub struct Made {
    /// What it is then.
    pub schema: TableSchema,
    /// Whether rows stand in it then.
    pub has_rows: bool,
}

/// Why a row was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Short and stable: `unique`, `check`, `not-null`, `foreign-key`, `exclusion`, `trigger`, `value`.
    pub code: &'static str,
    /// The table; empty where the target does not say it: a trigger that refuses something at the end of a transaction
    /// may have been any table's.
    pub table: String,
    /// The constraint's name, where the target says it.
    pub constraint: Option<String>,
    /// The column, where the target says it.
    pub column: Option<String>,
    /// The target's own words.
    pub message: String,
    /// Which row of the call, where the target says it.
    pub row: Option<usize>,
}

impl Refusal {
    /// Returns what was refused where: the target does not always say the table.
    pub fn told(&self) -> String {
        if self.table.is_empty() { self.message.clone() } else { format!("{}: {}", self.table, self.message) }
    }

    /// Returns the target's own words, with the constraint that they may not name.
    pub fn words(&self) -> String {
        let constraint = self.constraint.as_ref().map(|name| format!(" (constraint `{name}`)")).unwrap_or_default();
        format!("{}{constraint}", self.message)
    }
}

/// What can go wrong with a target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The URL names no kind of target that exists.
    #[error("unknown target `{url}`")]
    Unknown {
        /// As the manifest has it, password masked.
        url: String,
    },
    /// Nobody answers, or the file is no database.
    #[error("cannot reach the target `{url}`")]
    Unreachable {
        /// Password masked.
        url: String,
        /// The driver's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server has no database of this name.
    #[error("the target `{url}` does not exist")]
    NoDatabase {
        /// Password masked.
        url: String,
        /// What creates it.
        command: String,
        /// The server's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server does not know the account, or not with this password.
    #[error("the target `{url}` turned the account away")]
    TurnedAway {
        /// Password masked.
        url: String,
        /// The server's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The account or the file's mode does not allow it.
    #[error("no permission to {what}")]
    Permission {
        /// The attempted action.
        what: String,
        /// The driver's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server answers and takes no writes.
    #[error("the target `{url}` takes no writes")]
    ReadOnly {
        /// Password masked.
        url: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The target's disk or quota is full.
    #[error("the target has no room left")]
    Full {
        /// The driver's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process holds the migration.
    #[error("the migration `{migration}` is being run by {holder}")]
    Locked {
        /// The migration's name.
        migration: String,
        /// Who has it.
        holder: String,
    },
    /// This process had the migration, and lost its lock to another one.
    #[error("the migration `{migration}` was taken over by {holder}")]
    Lost {
        /// The migration's name.
        migration: String,
        /// Who has it now.
        holder: String,
    },
    /// A deadlock, a serialisation failure or a lost connection: the same transaction may be tried again.
    #[error("the target gave up the transaction")]
    Transient {
        /// The driver's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A constraint refused a row.
    #[error("{}", .0.told())]
    Refused(Refusal),
    /// A schema file begins or ends transactions itself.
    #[error("expected statements for one transaction, found {found}")]
    OwnTransaction {
        /// What does, and where, as far as it is known.
        found: String,
    },
    /// Anything else the database said.
    #[error("{what} failed")]
    Database {
        /// The attempted action.
        what: String,
        /// The driver's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl TargetError {
    /// Returns whether the same transaction may be tried again: it was given up, or the server is away, as while it restarts.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. } | Self::Unreachable { .. })
    }
}
