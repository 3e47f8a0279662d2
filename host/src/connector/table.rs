//! A table of a SQL database as a source: its rows in the order of its key, a page at a time, from one snapshot.
//!
//! Pages begin behind a key, never at an offset, so that a long table is not read again and again. A row becomes a document
//! with a field for every column, in the forms that row bodies have (`record/form.rs`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bson::RawDocumentBuf;
use bson::raw::CString;
use tokio::sync::Mutex;
use tokio::sync::MutexGuard;

use super::filter::Filter;
use super::source::ReadLimit;
use super::source::SnapshotId;
use super::source::Source;
use super::source::SourceError;
use super::target::TargetError;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::Position;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::form::form;
use crate::record::packed;
use crate::record::value;

/// Rows of the first page, which says how large rows are.
const ROWS_FIRST: usize = 8;
/// Rows of a page at most.
const ROWS_MAX: usize = 2_000;
/// Bytes of documents that a page is to have, about.
const PAGE_BYTES: usize = 1 << 20;

/// A database as it stood at one moment. All tables of a run are read from the same one; nothing is written.
#[async_trait]
pub(super) trait Snapshot: Send {
    /// Returns what tells it from others.
    fn id(&self) -> SnapshotId;

    /// Returns the names of all tables, in order.
    async fn tables(&mut self) -> Result<Vec<String>, TargetError>;

    /// Returns a table's schema, or `None` where there is no such table.
    async fn table(&mut self, name: &str) -> Result<Option<TableSchema>, TargetError>;

    /// Returns what stands under this name and is no table, though rows can be read of it: a view.
    async fn view(&mut self, name: &str) -> Result<Option<&'static str>, TargetError>;

    /// Returns a key that several rows of a selection have because its table's constraints do not hold for all of them.
    /// Most databases have no such tables.
    async fn shared_key(&mut self, _: &Selection) -> Result<Option<SharedKey>, TargetError> {
        Ok(None)
    }

    /// Returns how far a selection goes.
    async fn extent(&mut self, selection: &Selection) -> Result<Extent, TargetError>;

    /// Returns an instant as a filter names it, in microseconds since 1970.
    fn moment(&self, us: i64) -> Result<String, TargetError>;

    /// Returns how many rows come up to a key, itself included.
    async fn rows_through(&mut self, selection: &Selection, key: &[Value]) -> Result<u64, TargetError>;

    /// Returns so many rows at most behind a key, in its order, with the values of all columns; no more once they have so
    /// many bytes.
    async fn page(
        &mut self,
        selection: &Selection,
        after: Option<&[Value]>,
        rows: usize,
        bytes: usize,
    ) -> Result<Page, TargetError>;
}

/// Some rows, in order.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether there are none behind them.
    pub is_last: bool,
}

/// Which rows of a table are read, and in which order.
#[derive(Debug)]
pub(super) struct Selection {
    /// The table.
    pub table: TableSchema,
    /// The columns that order its rows, no two of which have the same values there.
    pub order: Vec<usize>,
    /// A condition in the database's own words.
    pub filter: Option<String>,
}

impl Selection {
    /// Says by what the rows are ordered: a key says nothing under another order.
    fn order_text(&self) -> String {
        let columns = self.order.iter().map(|&column| &self.table.columns[column]);
        columns.map(|column| format!("{} {}", column.name, column.declared)).collect::<Vec<_>>().join(", ")
    }
}

/// A key that rows of several tables have, which are read as one.
#[derive(Debug)]
pub(super) struct SharedKey {
    /// Its values.
    pub key: Vec<Value>,
    /// The tables whose rows are among those of the table that was asked for.
    pub heirs: Vec<String>,
    /// A condition that only the table's own rows meet.
    pub own: String,
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    /// The key as the database itself compares it, which may be spelt otherwise than its column's type says.
    pub key: Vec<Value>,
    /// One a column.
    pub values: Vec<Value>,
}

/// How far a table goes.
#[derive(Debug, Default)]
pub(super) struct Extent {
    /// All its rows.
    pub rows: u64,
    /// Of these, rows with a NULL in one of the columns.
    pub keyless: u64,
    /// The last key.
    pub last: Option<Vec<Value>>,
}

/// A snapshot that several tables are read from, one after another.
pub(super) struct Shared {
    snapshot: Mutex<Box<dyn Snapshot>>,
    id: SnapshotId,
    is_lost: AtomicBool,
}

impl Shared {
    pub(super) fn new(snapshot: Box<dyn Snapshot>) -> Self {
        Self { id: snapshot.id(), snapshot: Mutex::new(snapshot), is_lost: AtomicBool::new(false) }
    }

    /// Returns whether its session is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    async fn lock(&self) -> MutexGuard<'_, Box<dyn Snapshot>> {
        self.snapshot.lock().await
    }

    /// Returns what an error means for whoever reads a table. One after which nothing can be read is remembered.
    fn failed(&self, table: &str, error: TargetError) -> SourceError {
        match error {
            TargetError::Transient { source } | TargetError::Unreachable { source, .. } => {
                self.is_lost.store(true, Ordering::Relaxed);
                SourceError::Lost { table: table.to_owned(), source }
            }
            error => error.into(),
        }
    }
}

/// Reads one table.
pub(super) struct TableSource {
    snapshot: Arc<Shared>,
    selection: Selection,
    names: Vec<CString>,
    origin: Arc<str>,
    key_fields: Arc<[String]>,
    rows: u64,
    state: String,
    /// Where it began to read, and behind which key.
    start: Position,
    start_key: Option<Vec<Value>>,
    /// What else is to be told of the source once its end was reached.
    remark: Option<String>,
    /// Where it stands now.
    at: Position,
    /// Rows behind that, read already.
    ready: VecDeque<Row>,
    /// The key of the last row that was read.
    last: Option<Vec<Value>>,
    is_end: bool,
    page_rows: usize,
}

impl TableSource {
    pub(super) async fn open(
        snapshot: Arc<Shared>,
        name: &str,
        key_fields: &[String],
        filter: Option<&Filter>,
    ) -> Result<Self, SourceError> {
        let mut open = snapshot.lock().await;
        let failed = |error| snapshot.failed(name, error);
        let Some(table) = open.table(name).await.map_err(failed)? else {
            if let Some(kind) = open.view(name).await.map_err(failed)? {
                return Err(SourceError::View { name: name.to_owned(), kind });
            }
            let found = open.tables().await.map_err(failed)?;
            return Err(SourceError::NoTable { table: name.to_owned(), found });
        };
        let order = order(&table)?;
        for field in key_fields {
            if field.contains('.') {
                return Err(SourceError::DottedKey { table: table.name, column: field.clone() });
            }
            if table.column(field).is_none() {
                let names = |columns: &[usize]| columns.iter().map(|&at| table.columns[at].name.clone()).collect();
                return Err(SourceError::NoKeyColumn {
                    table: table.name.clone(),
                    column: field.clone(),
                    key: names(&order),
                });
            }
        }
        let filter = match filter {
            Some(filter) => Some(filter.at(&open.moment(filter.now_us).map_err(failed)?)),
            None => None,
        };
        let selection = Selection { table, order, filter };
        let table = &selection.table;
        let extent = match open.extent(&selection).await {
            Err(TargetError::Database { source, .. }) if selection.filter.is_some() => {
                return Err(SourceError::Filter { table: table.name.clone(), source });
            }
            extent => extent.map_err(failed)?,
        };
        if extent.keyless > 0 {
            return Err(SourceError::Keyless { table: table.name.clone(), rows: extent.keyless });
        }
        // A page that ends between two of them would lose one.
        if let Some(SharedKey { key, heirs, own }) = open.shared_key(&selection).await.map_err(failed)? {
            let columns: Vec<&str> =
                selection.order.iter().map(|&column| table.columns[column].name.as_str()).collect();
            return Err(SourceError::SharedKey {
                table: table.name.clone(),
                columns: columns.join(", "),
                key: packed::display(&key),
                heirs,
                own,
            });
        }
        drop(open);
        let state = match &extent.last {
            Some(last) => format!("{} rows, the last {}", extent.rows, packed::display(last)),
            None => "no rows".to_owned(),
        };
        let nul = |error: <CString as TryFrom<String>>::Error| SourceError::Database {
            what: format!("reading the columns of `{}`", table.name),
            source: error.to_string().into(),
        };
        Ok(Self {
            names: table
                .columns
                .iter()
                .map(|column| CString::try_from(column.name.clone()).map_err(nul))
                .collect::<Result<_, _>>()?,
            origin: Arc::from(table.name.as_str()),
            key_fields: key_fields.into(),
            rows: extent.rows,
            snapshot,
            selection,
            state,
            start: Position::default(),
            start_key: None,
            remark: None,
            at: Position::default(),
            ready: VecDeque::new(),
            last: None,
            is_end: false,
            page_rows: ROWS_FIRST,
        })
    }

    /// Goes to where an earlier run, or an earlier look, has come.
    fn seek(&mut self, to: &Position) -> Result<(), SourceError> {
        self.last = match to.token.rsplit_once('#') {
            None if to.token.is_empty() => None,
            found => {
                let (order, key) = found.unwrap_or_default();
                let key = hex(key).and_then(|bytes| packed::decode(&bytes));
                let key = key.filter(|_| order == self.selection.order_text());
                let other = || SourceError::Place {
                    table: self.selection.table.name.clone(),
                    row: to.document,
                    before: order.to_owned(),
                    now: self.selection.order_text(),
                };
                Some(key.ok_or_else(other)?)
            }
        };
        self.ready.clear();
        self.is_end = false;
        self.at = to.clone();
        (self.start, self.start_key, self.remark) = (to.clone(), self.last.clone(), None);
        Ok(())
    }

    /// Reads the next page.
    async fn fill(&mut self) -> Result<(), SourceError> {
        let mut snapshot = self.snapshot.lock().await;
        let page = snapshot.page(&self.selection, self.last.as_deref(), self.page_rows, PAGE_BYTES).await;
        drop(snapshot);
        let page = page.map_err(|error| self.snapshot.failed(&self.selection.table.name, error))?;
        self.is_end = page.is_last;
        if let Some(row) = page.rows.last() {
            if self.last.as_ref() == Some(&row.key) {
                // It would go on like this for ever.
                return Err(self.unordered(self.at.document));
            }
            self.last = Some(row.key.clone());
        }
        self.ready.extend(page.rows);
        Ok(())
    }

    /// Fails where rows have been left out or read twice: then the order has ties, or is not the one that keys are
    /// compared by.
    async fn check_end(&mut self) -> Result<(), SourceError> {
        let before = match &self.start_key {
            Some(key) => {
                let counted = self.snapshot.lock().await.rows_through(&self.selection, key).await;
                counted.map_err(|error| self.snapshot.failed(&self.selection.table.name, error))?
            }
            None => 0,
        };
        let read = self.at.document - self.start.document;
        if before + read != self.rows {
            return Err(self.unordered(before + read));
        }
        if before != self.start.document {
            // Rows that have come since before the key were never seen.
            let (table, then) = (&self.selection.table.name, self.start.document);
            let remark = format!("where {then} rows had been read, {before} stand now");
            tracing::warn!(table, "the table has changed between the runs that have read it: {remark}");
            self.remark = Some(remark);
        }
        Ok(())
    }

    fn unordered(&self, read: u64) -> SourceError {
        let Selection { table, .. } = &self.selection;
        SourceError::Unordered { table: table.name.clone(), rows: self.rows, read, order: self.selection.order_text() }
    }

    fn document(&self, row: &Row) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        let columns = self.names.iter().zip(&self.selection.table.columns);
        for ((name, column), value) in columns.zip(&row.values) {
            document.append(name, form(value, &column.kind));
        }
        document
    }
}

#[async_trait]
impl Source for TableSource {
    async fn read(&mut self, after: &Position, limit: ReadLimit) -> Result<Option<Batch>, SourceError> {
        if *after != self.at {
            self.seek(after)?;
        }
        let key_fields = self.key_fields.clone();
        let mut builder = BatchBuilder::new(&key_fields);
        let mut end = None;
        while builder.len() < limit.records {
            if self.ready.is_empty() && !self.is_end {
                self.fill().await?;
            }
            let Some(row) = self.ready.front() else { break };
            let document = self.document(row);
            let bytes = document.as_bytes();
            if !builder.is_empty() && builder.bytes() + bytes.len() > limit.bytes {
                break;
            }
            let number = after.document + builder.len() as u64 + 1;
            builder.push_bson(number, number, bytes);
            // The next page is as long as rows of this size let it be.
            self.page_rows = (PAGE_BYTES / bytes.len().max(1)).clamp(1, (self.page_rows * 2).min(ROWS_MAX));
            end = self.ready.pop_front();
        }
        let Some(last) = end else {
            self.check_end().await?;
            return Ok(None);
        };
        self.at = Position {
            document: after.document + builder.len() as u64,
            token: format!("{}#{}", self.selection.order_text(), to_hex(&value::encode(&last.key))),
        };
        Ok(Some(builder.finish(self.origin.clone(), self.at.clone())))
    }

    fn count(&self) -> Option<u64> {
        Some(self.rows)
    }

    #[expect(clippy::cast_precision_loss, reason = "a share, for people")]
    fn progress(&self, at: &Position) -> Option<f64> {
        Some(if self.rows == 0 { 1.0 } else { (at.document as f64 / self.rows as f64).min(1.0) })
    }

    fn state(&self) -> &str {
        &self.state
    }

    fn snapshot(&self) -> Option<&SnapshotId> {
        Some(&self.snapshot.id)
    }

    fn state_at_end(&mut self) -> String {
        // The snapshot stands still.
        match &self.remark {
            Some(remark) => format!("{}; {remark}", self.state),
            None => self.state.clone(),
        }
    }
}

/// Returns the columns that give a table's rows an order without ties: its primary key, or another key without NULL.
fn order(table: &TableSchema) -> Result<Vec<usize>, SourceError> {
    if !table.primary_key.is_empty() {
        return Ok(table.primary_key.clone());
    }
    let is_whole = |columns: &&Vec<usize>| columns.iter().all(|&column| !table.columns[column].nullable);
    let key = table.uniques.iter().map(|unique| &unique.columns).find(is_whole);
    key.cloned().ok_or_else(|| SourceError::NoOrder { table: table.name.clone() })
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
