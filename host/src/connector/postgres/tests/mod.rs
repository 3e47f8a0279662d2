//! Tests against a real server, each in a database of its own. `WHIMBREL_TEST_POSTGRES` says where it is.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bookkeeping;
mod insert;
mod locks;
mod refusals;
mod schema;
mod speed;
mod triggers;
mod values;

use std::fmt::Display;
use std::future::Future;

use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;
use sqlx::Row;

use super::Mode;
use super::PostgresTarget;
use crate::connector::Target;
use crate::record::TableSchema;
use crate::record::Value;

/// Runs a test in a fresh database, which is dropped afterwards, also where the test fails.
async fn in_database<F, R>(test: F)
where
    F: FnOnce(String) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let default = "postgres://postgres@127.0.0.1:5432/postgres";
    let base = std::env::var("WHIMBREL_TEST_POSTGRES").unwrap_or_else(|_| default.to_owned());
    let mut admin = match PgConnection::connect(&base).await {
        Ok(admin) => admin,
        Err(error) => return skipped(&format!("no PostgreSQL at WHIMBREL_TEST_POSTGRES: {error}")),
    };
    let name: String =
        sqlx::query_scalar("SELECT 'whimbrel_test_' || left(replace(gen_random_uuid()::text, '-', ''), 16)")
            .fetch_one(&mut admin)
            .await
            .unwrap();
    run(&mut admin, &format!("CREATE DATABASE {name}")).await;
    let (server, parameters) = base.split_once('?').unwrap_or((&base, ""));
    let url = format!("{}/{name}?{parameters}", server.rsplit_once('/').unwrap().0);
    let tested = tokio::spawn(test(url)).await;
    run(&mut admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(error) = tested {
        std::panic::resume_unwind(error.into_panic());
    }
}

#[allow(clippy::print_stdout, reason = "a skipped test has to say so")]
fn skipped(why: &dyn Display) {
    println!("SKIPPED: {why}");
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

/// Opens the target and runs a script on it.
async fn open(url: &str, sql: &str) -> PostgresTarget {
    let target = PostgresTarget::open(url, Mode::ReadWrite).await.unwrap();
    target.apply_schema(sql).await.unwrap();
    target
}

async fn table(target: &PostgresTarget, name: &str) -> TableSchema {
    target.table(name).await.unwrap().unwrap()
}

/// Returns the first column of a query, as text.
async fn texts(url: &str, sql: &str) -> Vec<Option<String>> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}
