//! The bare loop on PostgreSQL: COPY in the binary form of the rows that a migration wrote, in transactions of the same size.

use std::error::Error;
use std::time::Instant;

use futures::TryStreamExt;
use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;
use tokio::runtime::Runtime;
use whimbrel::connector::postgres::delay;

use super::dump::Ids;

const DEFAULT_URL: &str = "postgres://postgres@127.0.0.1:5432/postgres";
const HEADER_BYTES: usize = 19;
const CHUNK_BYTES: usize = 128 * 1024;

/// A server to make databases on.
pub struct Server {
    runtime: Runtime,
    admin: PgConnection,
    url: String,
}

/// Each transaction's rows as COPY takes them, with its header and its trailer.
pub type Rows = Vec<Vec<u8>>;

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

    /// Makes a database with the empty table and returns its URL; nothing of what went before is left to be written.
    pub fn create_with_table(&mut self, name: &str, ids: Ids) -> Result<String, Box<dyn Error>> {
        let url = self.create(name)?;
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&url).await?;
            sqlx::raw_sql(AssertSqlSafe(ids.schema())).execute(&mut connection).await?;
            connection.close().await
        })?;
        self.execute("CHECKPOINT")?;
        Ok(url)
    }

    /// Drops a database.
    pub fn drop_database(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        self.execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    }

    /// Returns the rows of the table that a migration wrote, cut into transactions.
    pub fn rows(&mut self, url: &str, rows_a_transaction: usize) -> Result<Rows, Box<dyn Error>> {
        let bytes = self.runtime.block_on(async {
            let mut connection = PgConnection::connect(url).await?;
            let parts: Vec<_> =
                connection.copy_out_raw("COPY orders TO STDOUT (FORMAT binary)").await?.try_collect().await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(parts.concat())
        })?;
        Ok(cut(&bytes, rows_a_transaction).ok_or("the server's COPY is cut short")?)
    }

    /// Copies the rows into the table; returns the seconds, connecting included.
    pub fn write(&mut self, url: &str, rows: &Rows) -> Result<f64, Box<dyn Error>> {
        let begun = Instant::now();
        self.runtime.block_on(async {
            let mut connection = delay::avoided_while(PgConnection::connect(url)).await?;
            delay::avoid();
            for transaction in rows {
                sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
                let mut copy = connection.copy_in_raw("COPY orders FROM STDIN (FORMAT binary)").await?;
                for chunk in transaction.chunks(CHUNK_BYTES) {
                    copy.send(chunk).await?;
                }
                copy.finish().await?;
                sqlx::raw_sql("COMMIT").execute(&mut connection).await?;
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
fn cut(bytes: &[u8], rows_a_transaction: usize) -> Option<Rows> {
    let header = bytes.get(..HEADER_BYTES)?;
    let mut transactions = Rows::new();
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
