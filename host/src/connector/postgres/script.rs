//! Schema files: applied to the target, or tried out in a transaction that is rolled back.

use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;
use sqlx::postgres::PgDatabaseError;
use sqlx::postgres::PgErrorPosition;

use super::error;
use super::error::target_error;
use super::fence;
use super::introspect;
use super::name::TableName;
use super::session::Session;
use crate::connector::TargetError;
use crate::connector::fence::Fence;
use crate::connector::target::Made;

/// Whatever the script does, a COMMIT in it fails: the constraint is broken, and checked no earlier.
const NO_COMMIT: &str = "
SET LOCAL lock_timeout = '10s';
CREATE TEMPORARY TABLE whimbrel_guard (n int CONSTRAINT whimbrel_no_commit UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO whimbrel_guard VALUES (1), (1);
";

/// Runs the statements in one transaction, on a session that must not be used again: a dump's script changes the
/// search path.
pub(super) async fn apply(mut connection: PgConnection, fence: Option<&Fence>, sql: &str) -> Result<(), TargetError> {
    let failed = |error| target_error(error, "apply the schema");
    let mut tx = connection.begin_with(fence::BEGIN).await.map_err(failed)?;
    if let Some(fence) = fence {
        fence::enter(fence, &mut tx).await?;
    }
    run(&mut tx, sql).await?;
    tx.commit().await.map_err(failed)?;
    // The server frees the session either way.
    let _ = connection.close().await;
    Ok(())
}

/// Returns the tables' schemas after the script, run on the target itself in a transaction that is rolled back: what
/// stands there already has its say, and a process that is killed leaves nothing.
pub(super) async fn try_out(session: &Session, sql: &str, names: &[String]) -> Result<Vec<Option<Made>>, TargetError> {
    let failed = |error| target_error(error, "try out the schema");
    session.check_takes_writes().await?;
    let mut connection = session.connect(&session.read_only_options()).await?;
    // A script that ends this transaction finds itself in one that may not write.
    let mut tx = connection.begin_with("BEGIN READ WRITE").await.map_err(failed)?;
    sqlx::raw_sql(NO_COMMIT).execute(&mut *tx).await.map_err(failed)?;
    run(&mut tx, sql).await?;
    // The script's search path would change how the catalogs write types.
    sqlx::raw_sql("RESET ALL").execute(&mut *tx).await.map_err(failed)?;
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        found.push(match introspect::table(&mut tx, name).await? {
            Some(schema) => {
                let sql = format!("SELECT EXISTS (SELECT FROM {})", TableName::parse(&schema.name).sql());
                let has_rows = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *tx).await.map_err(failed)?;
                Some(Made { schema, has_rows })
            }
            None => None,
        });
    }
    tx.rollback().await.map_err(failed)?;
    let _ = connection.close().await;
    Ok(found)
}

/// Runs the statements in the transaction at hand, which must still be open behind them.
async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), TargetError> {
    let failed = |error| target_error(error, "apply the schema");
    let ended = || TargetError::OwnTransaction { found: "one that begins, commits or rolls back".to_owned() };
    // The setting is gone as soon as this transaction ends.
    sqlx::raw_sql("SET LOCAL whimbrel.script = 'running'").execute(&mut *connection).await.map_err(failed)?;
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await;
    done.map_err(|error| match error::constraint(&error) {
        Some("whimbrel_no_commit") => ended(),
        _ => located(error, sql),
    })?;
    let setting: Option<String> = sqlx::query_scalar("SELECT current_setting('whimbrel.script', true)")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if setting.as_deref() == Some("running") { Ok(()) } else { Err(ended()) }
}

/// Says at which line of the script the server stopped, in the server's own words.
fn located(error: sqlx::Error, sql: &str) -> TargetError {
    let database = match &error {
        sqlx::Error::Database(database) => database.try_downcast_ref::<PgDatabaseError>(),
        _ => None,
    };
    let what = match database.and_then(PgDatabaseError::position) {
        Some(PgErrorPosition::Original(position)) => {
            let line = 1 + sql.chars().take(position.saturating_sub(1)).filter(|character| *character == '\n').count();
            format!("apply the schema at line {line}")
        }
        _ => "apply the schema".to_owned(),
    };
    let words = database.map(error::words);
    match (error::target_error(error, &what), words) {
        // No row is at fault here, whatever the code says.
        (TargetError::Refused(_), Some(words)) => TargetError::Database { what, source: words.into() },
        (other, _) => other,
    }
}
