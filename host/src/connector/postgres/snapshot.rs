//! PostgreSQL as a source: one session that only reads, in one transaction.

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sqlx::PgConnection;
use sqlx::Row as _;

use super::error::target_error;
use super::introspect;
use super::lookup;
use super::name::TableName;
use super::name::quote;
use super::session::Mode;
use super::session::Session;
use super::text;
use crate::connector::TargetError;
use crate::connector::source::SnapshotId;
use crate::connector::source::SourceError;
use crate::connector::table::Extent;
use crate::connector::table::Page;
use crate::connector::table::Row;
use crate::connector::table::Selection;
use crate::connector::table::SharedKey;
use crate::connector::table::Snapshot;
use crate::record::TableSchema;
use crate::record::Value;

/// The transaction sees the database from its first look on. It is idle while others write, and may last for hours. A policy
/// that hides rows is an error, and floats come with all their digits. What fails later is undone to the savepoint.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0; \
SET LOCAL statement_timeout = 0; SET LOCAL row_security = off; SELECT 1 FROM pg_catalog.pg_class LIMIT 1; SAVEPOINT begun";

const TABLES: &str = "\
SELECT c.relname::text, CASE WHEN NOT pg_catalog.pg_table_is_visible(c.oid) THEN n.nspname::text END
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'whimbrel') AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 2 NULLS FIRST, 1";

const VIEW: &str = "SELECT relkind = 'm' FROM pg_catalog.pg_class \
WHERE oid = pg_catalog.to_regclass($1) AND relkind IN ('v', 'm')";

/// The tables whose rows are among those of a table without being held to its key; partitions are.
const HEIRS: &str = "\
WITH RECURSIVE heir (oid) AS (
    SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent
    WHERE p.oid = pg_catalog.to_regclass($1) AND p.relkind <> 'p'
  UNION
    SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN heir AS h ON i.inhparent = h.oid
)
SELECT c.relname::text, CASE WHEN NOT pg_catalog.pg_table_is_visible(c.oid) THEN n.nspname::text END
FROM heir AS h JOIN pg_catalog.pg_class AS c ON c.oid = h.oid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY 2 NULLS FIRST, 1";

/// A database as it stood when it was opened.
pub(in crate::connector) struct PostgresSnapshot {
    connection: PgConnection,
    id: SnapshotId,
}

impl PostgresSnapshot {
    pub(in crate::connector) async fn open(url: &str) -> Result<Self, SourceError> {
        let session = Session::new(url, Mode::ReadOnly)?;
        let mut connection = session.connect(&session.options()).await?;
        let begun = sqlx::raw_sql(AssertSqlSafe(BEGIN)).execute(&mut connection).await;
        begun.map_err(|error| target_error(error, "begin a snapshot"))?;
        // Transactions that it sees: the same ones are the same content.
        let seen: Result<String, _> =
            sqlx::query_scalar("SELECT pg_catalog.pg_current_snapshot()::text").fetch_one(&mut connection).await;
        let seen = seen.map_err(|error| target_error(error, "begin a snapshot"))?;
        Ok(Self { connection, id: SnapshotId::now(Some(seen)) })
    }

    /// Returns the last key of a table.
    async fn last(
        &mut self,
        Selection { table, order, filter }: &Selection,
    ) -> Result<Option<Vec<Value>>, TargetError> {
        let columns = || order.iter().map(|&column| &table.columns[column]);
        let wanted: Vec<String> = columns().map(|column| text::select("t", column)).collect();
        let backwards: Vec<String> = columns().map(|column| format!("t.{} DESC", quote(&column.name))).collect();
        let name = TableName::parse(&table.name).sql();
        let sql = format!(
            "SELECT {} FROM {name} AS t WHERE ({}\n) ORDER BY {} LIMIT 1",
            wanted.join(", "),
            filter.as_deref().unwrap_or("TRUE"),
            backwards.join(", ")
        );
        let failed = |error| target_error(error, &format!("look for the last row of `{}`", table.name));
        let row = sqlx::query(AssertSqlSafe(sql)).fetch_optional(&mut self.connection).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let key = columns().enumerate().map(|(place, column)| Ok(text::read(&column.kind, row.try_get(place)?)));
        key.collect::<Result<_, _>>().map(Some).map_err(failed)
    }

    /// Returns the tables that inherit from a table, partitions aside.
    async fn heirs(&mut self, table: &str) -> Result<Vec<String>, TargetError> {
        let name = TableName::parse(table).sql();
        let found: Result<Vec<(String, Option<String>)>, _> =
            sqlx::query_as(HEIRS).bind(name).fetch_all(&mut self.connection).await;
        let found = found.map_err(|error| target_error(error, &format!("look for what inherits from `{table}`")))?;
        Ok(found.into_iter().map(|(table, schema)| TableName { schema, table }.written()).collect())
    }

    /// Returns the first key that several rows have.
    async fn repeated(
        &mut self,
        Selection { table, order, filter }: &Selection,
    ) -> Result<Option<Vec<Value>>, TargetError> {
        let columns = || order.iter().map(|&column| &table.columns[column]);
        let wanted: Vec<String> = columns().map(|column| text::select("t", column)).collect();
        let names: Vec<String> = columns().map(|column| format!("t.{}", quote(&column.name))).collect();
        let (name, names) = (TableName::parse(&table.name).sql(), names.join(", "));
        let sql = format!(
            "SELECT {} FROM {name} AS t WHERE ({}\n) GROUP BY {names} HAVING count(*) > 1 ORDER BY {names} LIMIT 1",
            wanted.join(", "),
            filter.as_deref().unwrap_or("TRUE")
        );
        let failed = |error| target_error(error, &format!("look for keys of `{}` that repeat", table.name));
        let row = sqlx::query(AssertSqlSafe(sql)).fetch_optional(&mut self.connection).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let key = columns().enumerate().map(|(place, column)| Ok(text::read(&column.kind, row.try_get(place)?)));
        key.collect::<Result<_, _>>().map(Some).map_err(failed)
    }
}

impl PostgresSnapshot {
    /// Goes on behind an error as if it had not been.
    async fn whole<T>(&mut self, done: Result<T, TargetError>) -> Result<T, TargetError> {
        if done.is_err() {
            // Where the session is gone, the next call says so.
            let _ = sqlx::raw_sql("ROLLBACK TO SAVEPOINT begun").execute(&mut self.connection).await;
        }
        done
    }
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn id(&self) -> SnapshotId {
        self.id.clone()
    }

    async fn tables(&mut self) -> Result<Vec<String>, TargetError> {
        let found: Result<Vec<(String, Option<String>)>, _> =
            sqlx::query_as(TABLES).fetch_all(&mut self.connection).await;
        let found = self.whole(found.map_err(|error| target_error(error, "list the tables"))).await?;
        Ok(found.into_iter().map(|(table, schema)| TableName { schema, table }.written()).collect())
    }

    async fn table(&mut self, name: &str) -> Result<Option<TableSchema>, TargetError> {
        let found = introspect::table(&mut self.connection, name).await;
        self.whole(found).await
    }

    async fn view(&mut self, name: &str) -> Result<Option<&'static str>, TargetError> {
        let found: Result<Option<bool>, _> =
            sqlx::query_scalar(VIEW).bind(TableName::parse(name).sql()).fetch_optional(&mut self.connection).await;
        let found = self.whole(found.map_err(|error| target_error(error, "look for a view"))).await?;
        Ok(found.map(|is_kept| if is_kept { "a materialized view" } else { "a view" }))
    }

    async fn shared_key(&mut self, selection: &Selection) -> Result<Option<SharedKey>, TargetError> {
        let heirs = self.heirs(&selection.table.name).await;
        let heirs = self.whole(heirs).await?;
        if heirs.is_empty() {
            return Ok(None);
        }
        let repeated = self.repeated(selection).await;
        let name = TableName::parse(&selection.table.name).sql().replace('\'', "''");
        let own = format!("tableoid = '{name}'::regclass");
        Ok(self.whole(repeated).await?.map(|key| SharedKey { key, heirs, own }))
    }

    fn moment(&self, us: i64) -> Result<String, TargetError> {
        let text = text::write(&Value::Timestamp(us)).and_then(|text| text.ok_or_else(|| "no time".to_owned()));
        let text = text.map_err(|message| TargetError::Database {
            what: "writing the time that is pinned".to_owned(),
            source: message.into(),
        })?;
        Ok(format!("TIMESTAMPTZ '{text}'"))
    }

    async fn extent(&mut self, selection: &Selection) -> Result<Extent, TargetError> {
        let Selection { table, order, filter } = selection;
        let missing: Vec<String> =
            order.iter().map(|&column| format!("{} IS NULL", quote(&table.columns[column].name))).collect();
        let count = format!(
            "SELECT count(*), count(*) FILTER (WHERE {}) FROM {} AS t WHERE ({}\n)",
            missing.join(" OR "),
            TableName::parse(&table.name).sql(),
            filter.as_deref().unwrap_or("TRUE")
        );
        let counted = sqlx::query_as(AssertSqlSafe(count)).fetch_one(&mut self.connection).await;
        let counted = counted.map_err(|error| target_error(error, &format!("count the rows of `{}`", table.name)));
        let (rows, keyless): (i64, i64) = self.whole(counted).await?;
        let last = self.last(selection).await;
        let last = self.whole(last).await?;
        Ok(Extent { rows: rows.cast_unsigned(), keyless: keyless.cast_unsigned(), last })
    }

    async fn rows_through(&mut self, selection: &Selection, key: &[Value]) -> Result<u64, TargetError> {
        let Selection { table, order, filter } = selection;
        let counted = lookup::rows_through(&mut self.connection, table, order, key, filter.as_deref()).await;
        self.whole(counted).await
    }

    async fn page(
        &mut self,
        Selection { table, order, filter }: &Selection,
        after: Option<&[Value]>,
        rows: usize,
        bytes: usize,
    ) -> Result<Page, TargetError> {
        let wanted: Vec<usize> = order.iter().copied().chain(0..table.columns.len()).collect();
        let limit = lookup::PageLimit { rows, bytes };
        let page = lookup::page(&mut self.connection, table, order, after, filter.as_deref(), &wanted, limit).await;
        let (found, is_last) = self.whole(page).await?;
        let row = |mut key: Vec<Value>| {
            let values = key.split_off(order.len());
            Row { key, values }
        };
        Ok(Page { rows: found.into_iter().map(row).collect(), is_last })
    }
}
