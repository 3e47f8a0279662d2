//! The SQLite target.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::Mutex;

use super::BOOKKEEPING;
use super::blocking;
use super::fence;
use super::file;
use super::file::Identity;
use super::lock::FileLock;
use super::lock::NoLock;
use super::refusal;
use super::schema;
use super::script;
use super::transaction::SqliteTransaction;
use crate::connector::fence::Fence;
use crate::connector::target::Lock;
use crate::connector::target::Made;
use crate::connector::target::Target;
use crate::connector::target::TargetError;
use crate::connector::target::Transaction;
use crate::connector::target::Written;
use crate::record::TableSchema;

/// What may be done to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Read and write; a missing file is created.
    ReadWriteCreate,
    /// Read only; a missing file is an empty database, and nothing is created beside an existing one where that is
    /// avoidable.
    ReadOnly,
    /// The file of an old system, which others may be writing: read only, and it must be there.
    Source,
    /// A file that is thrown away: no foreign keys, no waiting for the disk.
    #[doc(hidden)]
    Scratch,
}

/// A SQLite file as a target. There is one connection for writing; transactions wait for one another.
#[derive(Debug)]
pub struct SqliteTarget {
    url: String,
    path: PathBuf,
    /// Which file was opened.
    identity: Identity,
    mode: Mode,
    /// The run whose transactions these are, once it has the lock.
    fence: std::sync::RwLock<Option<Fence>>,
    writer: Arc<Mutex<Connection>>,
    /// Looks at schemas while the writer is in a transaction.
    reader: std::sync::Mutex<Connection>,
}

impl SqliteTarget {
    /// Opens the file named by a path or a `sqlite:` URL, relative to `base_dir`.
    pub fn open(path_or_url: &str, base_dir: &Path, mode: Mode) -> Result<Self, TargetError> {
        let path = Self::locate(path_or_url, base_dir)?;
        let failed = |error| refusal::open_error(error, path_or_url, file::probe(&path, mode));
        let connect = || blocking(|| file::open(&path, mode)).map_err(failed);
        let (writer, reader) = (connect()?, connect()?);
        // Two paths to one file must meet at one lock. A missing file that is only read has none.
        let path = path.canonicalize().unwrap_or(path);
        let (writer, reader) = (Arc::new(Mutex::new(writer)), std::sync::Mutex::new(reader));
        let (identity, fence) = (Identity::at(&path), std::sync::RwLock::default());
        Ok(Self { url: path_or_url.to_owned(), path, identity, mode, fence, writer, reader })
    }

    /// Returns where the file is, or would be.
    pub(super) fn locate(path_or_url: &str, base_dir: &Path) -> Result<std::path::PathBuf, TargetError> {
        Self::check(path_or_url)?;
        let path = file::path(path_or_url, base_dir);
        if path.is_dir() {
            let source = "expected a file, found a folder".into();
            return Err(TargetError::Unreachable { url: path_or_url.to_owned(), source });
        }
        Ok(path)
    }

    /// Checks a path or URL without looking for the file.
    pub(in crate::connector) fn check(path_or_url: &str) -> Result<(), TargetError> {
        match file::name(path_or_url) {
            "" => Err(TargetError::Unknown { url: path_or_url.to_owned() }),
            _ => Ok(()),
        }
    }

    /// Begins a transaction, with the type that the predicted target builds on.
    pub(in crate::connector) async fn begin_own(&self) -> Result<SqliteTransaction, TargetError> {
        let connection = Arc::clone(&self.writer).lock_owned().await;
        let fence = self.fence.read().unwrap_or_else(PoisonError::into_inner).clone();
        let transaction = SqliteTransaction::begin(connection, self.mode)?;
        if let Some(fence) = fence {
            blocking(|| self.check_file().and_then(|()| fence::check(&fence, transaction.connection())))?;
        }
        Ok(transaction)
    }

    /// Creates whimbrel's own tables where they are missing.
    pub(in crate::connector) async fn create_own_tables(&self) -> Result<(), TargetError> {
        let connection = self.writer.lock().await;
        blocking(|| script::run_all(&connection, BOOKKEEPING))
            .map_err(|error| refusal::error(error, "create whimbrel's own tables"))
    }

    /// Fails where the file is no longer the one that was opened: whatever is written to that one is lost.
    fn check_file(&self) -> Result<(), TargetError> {
        if Identity::at(&self.path) == self.identity {
            return Ok(());
        }
        let source = "the file was removed or replaced after it was opened, and what is written would be lost".into();
        Err(TargetError::Database { what: format!("writing to the database `{}`", self.url), source })
    }

    /// Notes the run that has the lock; `false` where the lock's file is another one by now.
    async fn raise(&self, fence: &Fence, lock: &FileLock) -> Result<bool, TargetError> {
        let transaction = SqliteTransaction::begin(Arc::clone(&self.writer).lock_owned().await, self.mode)?;
        if !lock.stands() {
            return Ok(false);
        }
        blocking(|| self.check_file().and_then(|()| fence::raise(fence, transaction.connection())))?;
        Box::new(transaction).commit().await?;
        Ok(true)
    }

    fn look<T>(&self, what: &str, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, TargetError> {
        blocking(|| {
            let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            look(&reader).map_err(|error| refusal::error(error, what))
        })
    }
}

#[async_trait]
impl Target for SqliteTarget {
    fn url(&self) -> &str {
        &self.url
    }

    fn writers_max(&self) -> usize {
        1
    }

    fn own_table(&self, name: &str) -> String {
        format!("whimbrel_{name}")
    }

    fn cannot_hold(&self, value: &crate::record::Value) -> Option<String> {
        super::types::cannot_hold(value)
    }

    async fn table(&self, name: &str) -> Result<Option<TableSchema>, TargetError> {
        self.look("read the schema", |reader| schema::read(reader, name))
    }

    async fn tables_of_script(&self, sql: &str, names: &[String]) -> Result<Vec<Option<Made>>, TargetError> {
        let there = self.look("read the schema", schema::statements)?;
        let failed = |error| refusal::error(error, "try out the schema");
        blocking(|| {
            let scratch = Connection::open_in_memory().map_err(failed)?;
            scratch.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_ATTACHED, 0).map_err(failed)?;
            for statement in &there {
                // A virtual table makes some of the others itself, or its module is not here.
                let _ = scratch.execute_batch(statement);
            }
            script::run(&scratch, sql)?;
            names.iter().map(|name| made(&scratch, name).map_err(failed)).collect()
        })
    }

    async fn apply_schema(&self, sql: &str) -> Result<(), TargetError> {
        let connection = self.writer.lock().await;
        blocking(|| script::run(&connection, sql))
    }

    async fn has_own_tables(&self) -> Result<bool, TargetError> {
        self.look("look for whimbrel's own tables", |reader| {
            // `Connection::table_exists` answers from the schema as this connection last saw it.
            let sql = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'whimbrel_checkpoint')";
            reader.query_row(sql, [], |row| row.get(0))
        })
    }

    async fn check_writable(&self, _: &[Written<'_>]) -> Result<(), TargetError> {
        // Opened for writing, it has been written already.
        if self.mode != Mode::ReadOnly {
            return Ok(());
        }
        blocking(|| {
            file::may_write(&self.path).map_err(|why| refusal::system_error(why, &self.url))?;
            FileLock::check_writable(&self.path)
        })
    }

    async fn lock(&self, migration: &str, run: &str, who: &str) -> Result<Box<dyn Lock>, TargetError> {
        if self.mode != Mode::ReadWriteCreate {
            return Ok(Box::new(NoLock));
        }
        let fence = Fence::new(migration, run, who);
        loop {
            let lock = blocking(|| FileLock::take(&self.path, &fence))?;
            self.create_own_tables().await?;
            if self.raise(&fence, &lock).await? {
                *self.fence.write().unwrap_or_else(PoisonError::into_inner) = Some(fence);
                return Ok(Box::new(lock));
            }
        }
    }

    async fn lock_holder(&self, migration: &str) -> Result<Option<String>, TargetError> {
        blocking(|| FileLock::holder(&self.path, migration))
    }

    fn among(&self, parameter: &str) -> String {
        format!("IN (SELECT value FROM json_each({parameter}))")
    }

    async fn referrers(&self, table: &str) -> Result<Vec<TableSchema>, TargetError> {
        self.look("read the schema", |reader| {
            let names = "SELECT name FROM main.sqlite_schema WHERE type = 'table'";
            let names: Vec<String> =
                reader.prepare(names)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            let mut referrers = Vec::new();
            for name in names {
                let refers = |child: &TableSchema| {
                    let bare = super::name::bare(table);
                    child.foreign_keys.iter().any(|key| super::name::bare(&key.parent).eq_ignore_ascii_case(bare))
                };
                referrers.extend(schema::read(reader, &name)?.filter(refers));
            }
            Ok(referrers)
        })
    }

    async fn begin(&self) -> Result<Box<dyn Transaction>, TargetError> {
        Ok(Box::new(self.begin_own().await?))
    }
}

/// Returns a table that a script has made, and whether it has put rows into it.
fn made(scratch: &Connection, name: &str) -> rusqlite::Result<Option<Made>> {
    let Some(schema) = schema::read(scratch, name)? else { return Ok(None) };
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", super::name::table(name));
    let has_rows = scratch.query_row(&sql, [], |row| row.get(0))?;
    Ok(Some(Made { schema, has_rows }))
}

#[cfg(test)]
mod tests;
