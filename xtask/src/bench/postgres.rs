//! The bare loop on PostgreSQL: COPY in the binary form of the rows that a migration wrote, in transactions of the same size.

use std::error::Error;
use std::time::Instant;

use futures::TryStreamExt;
use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;
use tokio::runtime::Runtime;
use whimbrel::connector::postgres::delay;

const DEFAULT_URL: &str = "postgres://postgres@127.0.0.1:5432/postgres";
const HEADER_BYTES: usize = 19;
const CHUNK_BYTES: usize = 128 * 1024;
/// Each table, and those that it refers to.
const PARENTS: &str = "SELECT format('%I.%I', n.nspname, t.relname), ARRAY(
        SELECT format('%I.%I', m.nspname, p.relname) FROM pg_constraint AS c
            JOIN pg_class AS p ON p.oid = c.confrelid JOIN pg_namespace AS m ON m.oid = p.relnamespace
        WHERE c.contype = 'f' AND c.conrelid = t.oid AND c.confrelid <> t.oid)
    FROM pg_class AS t JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE n.nspname = 'public' AND t.relkind = 'r' ORDER BY 1";

/// A server to make databases on.
pub struct Server {
    runtime: Runtime,
    admin: PgConnection,
    url: String,
}

/// The rows of a table.
pub struct Rows {
    table: String,
    /// Each transaction's rows as COPY takes them, with its header and its trailer.
    transactions: Vec<Vec<u8>>,
}

impl Server {
    /// Connects to the server of `WHIMBREL_TEST_POSTGRES`, or to a local one; the error says why there is none.
    pub fn connect() -> Result<Self, Box<dyn Error>> {
        let url = std::env::var("WHIMBREL_TEST_POSTGRES").unwrap_or_else(|_| DEFAULT_URL.to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let admin = runtime.block_on(PgConnection::connect(&url))?;
        Ok(Self { runtime, admin, url })
    }

    /// Makes an empty database and returns its URL.
    pub fn create(&mut self, name: &str) -> Result<String, Box<dyn Error>> {
        self.drop_database(name)?;
        self.execute(&format!("CREATE DATABASE {name}"))?;
        let (server, parameters) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let (server, _) = server.rsplit_once('/').ok_or("the URL of PostgreSQL names no database")?;
        Ok(format!("{server}/{name}?{parameters}"))
    }

    /// Makes a database with empty tables and returns its URL; nothing of what went before is left to be written.
    pub fn create_with_schema(&mut self, name: &str, schema: &str) -> Result<String, Box<dyn Error>> {
        let url = self.create(name)?;
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&url).await?;
            sqlx::raw_sql(AssertSqlSafe(schema)).execute(&mut connection).await?;
            connection.close().await
        })?;
        self.execute("CHECKPOINT")?;
        Ok(url)
    }

    /// Drops a database.
    pub fn drop_database(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        self.execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    }

    /// Returns the tables of the schema `public`, each behind those that it refers to.
    pub fn tables(&mut self, url: &str) -> Result<Vec<String>, Box<dyn Error>> {
        let mut waiting: Vec<(String, Vec<String>)> = self.runtime.block_on(async {
            let mut connection = PgConnection::connect(url).await?;
            let tables = sqlx::query_as(PARENTS).fetch_all(&mut connection).await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(tables)
        })?;
        let mut ordered: Vec<String> = Vec::new();
        while !waiting.is_empty() {
            let (ready, left): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, parents)| parents.iter().all(|parent| ordered.contains(parent)));
            if ready.is_empty() {
                return Err("tables refer to each other in a circle".into());
            }
            ordered.extend(ready.into_iter().map(|(table, _)| table));
            waiting = left;
        }
        Ok(ordered)
    }

    /// Returns the rows of a table that a migration wrote, cut into transactions.
    pub fn rows(&mut self, url: &str, table: &str, rows_a_transaction: usize) -> Result<Rows, Box<dyn Error>> {
        let copy = format!("COPY {table} TO STDOUT (FORMAT binary)");
        let bytes = self.runtime.block_on(async {
            let mut connection = PgConnection::connect(url).await?;
            let parts: Vec<_> = connection.copy_out_raw(&copy).await?.try_collect().await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(parts.concat())
        })?;
        let transactions = cut(&bytes, rows_a_transaction).ok_or("the server's COPY is cut short")?;
        Ok(Rows { table: table.to_owned(), transactions })
    }

    /// Copies the rows into their tables; returns the seconds, connecting included.
    pub fn write(&mut self, url: &str, rows: &[Rows]) -> Result<f64, Box<dyn Error>> {
        let begun = Instant::now();
        self.runtime.block_on(async {
            let mut connection = delay::avoided_while(PgConnection::connect(url)).await?;
            delay::avoid();
            for table in rows {
                let copy_in = format!("COPY {} FROM STDIN (FORMAT binary)", table.table);
                for transaction in &table.transactions {
                    sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
                    let mut copy = connection.copy_in_raw(&copy_in).await?;
                    for chunk in transaction.chunks(CHUNK_BYTES) {
                        copy.send(chunk).await?;
                    }
                    copy.finish().await?;
                    sqlx::raw_sql("COMMIT").execute(&mut connection).await?;
                }
            }
            connection.close().await
        })?;
        Ok(begun.elapsed().as_secs_f64())
    }

    fn execute(&mut self, sql: &str) -> Result<(), Box<dyn Error>> {
        self.runtime.block_on(sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.admin))?;
        Ok(())
    }
}

/// Cuts what COPY sent into transactions of so many rows.
fn cut(bytes: &[u8], rows_a_transaction: usize) -> Option<Vec<Vec<u8>>> {
    let header = bytes.get(..HEADER_BYTES)?;
    let mut transactions = Vec::new();
    let (mut start, mut at, mut rows) = (HEADER_BYTES, HEADER_BYTES, 0);
    loop {
        let fields = bytes.get(at..at + 2)?;
        let count = i16::from_be_bytes(fields.try_into().ok()?);
        if at > start && (count < 0 || rows == rows_a_transaction) {
            transactions.push([header, &bytes[start..at], &(-1_i16).to_be_bytes()].concat());
            (start, rows) = (at, 0);
        }
        if count < 0 {
            return Some(transactions);
        }
        at += 2;
        for _ in 0..count {
            let length = i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
            // NULL has the length -1 and no bytes.
            at += 4 + usize::try_from(length).unwrap_or(0);
        }
        rows += 1;
    }
}
