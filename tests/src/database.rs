//! Throwaway databases: a SQLite file, or a database of a PostgreSQL server, gone when the test is over.

use std::future::Future;
use std::path::Path;
use std::path::PathBuf;

use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;

/// Says where the PostgreSQL server is whose databases the tests may make and drop.
const SERVER: &str = "WHIMBREL_TEST_POSTGRES";
const DEFAULT_SERVER: &str = "postgres://postgres@127.0.0.1:5432/postgres";

/// One throwaway database.
#[derive(Debug)]
pub struct Database {
    /// What a manifest's target names.
    pub url: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Sqlite { file: PathBuf, _folder: tempfile::TempDir },
    Postgres { server: String, name: String },
}

impl Database {
    /// Returns a SQLite file that is not there yet.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("target.db");
        Self { url: format!("sqlite:{}", file.display()), kind: Kind::Sqlite { file, _folder: folder } }
    }

    /// Returns an empty PostgreSQL database, or says why there is none.
    pub fn postgres() -> Option<Self> {
        let server = std::env::var(SERVER).unwrap_or_else(|_| DEFAULT_SERVER.to_owned());
        let made = wait(async {
            let mut admin = PgConnection::connect(&server).await?;
            let name = "SELECT 'whimbrel_test_' || left(replace(gen_random_uuid()::text, '-', ''), 16)";
            let name: String = sqlx::query_scalar(name).fetch_one(&mut admin).await?;
            sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await?;
            // A process that is ended loses nothing by this, only a server that is.
            let setting = format!("ALTER DATABASE {name} SET synchronous_commit = off");
            sqlx::raw_sql(AssertSqlSafe(setting)).execute(&mut admin).await?;
            Ok::<_, sqlx::Error>(name)
        });
        match made {
            Ok(name) => {
                let (address, parameters) = server.split_once('?').unwrap_or((&server, ""));
                let address = address.rsplit_once('/').expect("the server's URL names a database").0;
                let url = format!("{address}/{name}?{parameters}").trim_end_matches('?').to_owned();
                Some(Self { url, kind: Kind::Postgres { server, name } })
            }
            Err(error) => {
                crate::skipped(&format!("no PostgreSQL at {SERVER}: {error}"));
                None
            }
        }
    }

    /// Returns a database of every kind there is here.
    pub fn each() -> Vec<Self> {
        [Some(Self::sqlite()), Self::postgres()].into_iter().flatten().collect()
    }

    /// Returns another database of the same kind.
    #[must_use]
    pub fn another(&self) -> Self {
        match self.kind {
            Kind::Sqlite { .. } => Self::sqlite(),
            Kind::Postgres { .. } => Self::postgres().expect("the server was there a moment ago"),
        }
    }

    /// Takes everything out, which is quicker than another database.
    pub fn empty(&self) {
        match &self.kind {
            Kind::Sqlite { file, .. } => {
                for suffix in ["", "-wal", "-shm", "-journal"] {
                    let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
                }
            }
            Kind::Postgres { .. } => self
                .execute("DROP SCHEMA IF EXISTS whimbrel CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public;"),
        }
    }

    /// Returns `sqlite` or `postgres`.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite { .. } => "sqlite",
            Kind::Postgres { .. } => "postgres",
        }
    }

    /// Returns the full name of one of whimbrel's own tables.
    pub fn own(&self, name: &str) -> String {
        let separator = if self.kind() == "sqlite" { '_' } else { '.' };
        format!("whimbrel{separator}{name}")
    }

    /// Returns the file of a SQLite database.
    pub fn file(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Sqlite { file, .. } => Some(file),
            Kind::Postgres { .. } => None,
        }
    }

    /// Runs SQL statements.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        match &self.kind {
            Kind::Sqlite { file, .. } => rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap(),
            Kind::Postgres { .. } => wait(async {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            }),
        }
    }

    /// Returns the rows of a query; every value as text, `None` for NULL.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        match &self.kind {
            Kind::Sqlite { file, .. } => query_sqlite(file, sql),
            Kind::Postgres { .. } => wait(query_postgres(&self.url, sql)),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Kind::Postgres { server, name } = &self.kind {
            let dropped = wait(async {
                let mut admin = PgConnection::connect(server).await?;
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await
            });
            if let Err(error) = dropped {
                crate::skipped(&format!("dropping the database {name}: {error}"));
            }
        }
    }
}

fn query_sqlite(file: &Path, sql: &str) -> Vec<Vec<Option<String>>> {
    use rusqlite::types::ValueRef;
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = rusqlite::Connection::open_with_flags(file, flags).unwrap();
    let mut statement = connection.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let text = |column| match row.get_ref(column).unwrap() {
            ValueRef::Null => None,
            ValueRef::Integer(number) => Some(number.to_string()),
            ValueRef::Real(number) => Some(format!("{number:?}")),
            ValueRef::Text(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
            ValueRef::Blob(bytes) => Some(hex(bytes)),
        };
        found.push((0..columns).map(text).collect());
    }
    found
}

async fn query_postgres(url: &str, sql: &str) -> Vec<Vec<Option<String>>> {
    use sqlx::Row;
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql("SET TIME ZONE 'UTC'").execute(&mut connection).await.unwrap();
    // A row as an array of texts: the server's own form of every type.
    let sql = format!("SELECT ARRAY(SELECT value FROM json_each_text(to_json(found))) FROM ({sql}) AS found");
    let rows = sqlx::query(AssertSqlSafe(sql.clone())).fetch_all(&mut connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
    rows.iter().map(|row| row.get::<Vec<Option<String>>, _>(0)).collect()
}

/// Returns bytes as PostgreSQL shows them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Runs a future to its end, wherever the caller runs.
fn wait<F: Future + Send>(future: F) -> F::Output
where
    F::Output: Send,
{
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
    std::thread::scope(|scope| match scope.spawn(run).join() {
        Ok(output) => output,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
