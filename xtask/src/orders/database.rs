//! A PostgreSQL database that is filled with generated rows.

use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;
use tokio::runtime::Runtime;

/// Executes the statements that `write` hands over, one after another, in one transaction: all of it or nothing.
pub fn fill<T>(
    url: &str,
    write: impl FnOnce(&mut dyn FnMut(&str) -> Result<(), sqlx::Error>) -> Result<T, sqlx::Error>,
) -> Result<T, Box<dyn std::error::Error>> {
    let runtime = runtime()?;
    let mut connection = runtime.block_on(PgConnection::connect(url))?;
    let mut execute = |sql: &str| runtime.block_on(execute(&mut connection, sql));
    execute("BEGIN")?;
    let written = write(&mut execute)?;
    execute("COMMIT")?;
    Ok(written)
}

/// Makes an empty database of this name, in the place of one that is there, and returns its URL.
pub fn make_anew(server: &str, name: &str) -> Result<String, Box<dyn std::error::Error>> {
    let runtime = runtime()?;
    let mut connection = runtime.block_on(PgConnection::connect(server))?;
    for sql in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        runtime.block_on(execute(&mut connection, &sql))?;
    }
    let (address, parameters) = server
        .split_once('?')
        .map_or((server, String::new()), |(address, parameters)| (address, format!("?{parameters}")));
    let (address, _) = address.rsplit_once('/').ok_or("the server's URL names no database")?;
    Ok(format!("{address}/{name}{parameters}"))
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop)
}

fn runtime() -> Result<Runtime, std::io::Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
