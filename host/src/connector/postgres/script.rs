//! Schema files: applied to the target, or tried out in a scratch database.

use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;
use sqlx::postgres::PgDatabaseError;
use sqlx::postgres::PgErrorPosition;

use super::error;
use super::error::target_error;
use super::introspect;
use super::name::quote;
use super::session::Session;
use crate::connector::TargetError;
use crate::record::TableSchema;

/// Runs the statements in one transaction, on a session that must not be used again: a dump's script changes the
/// search path.
pub(super) async fn apply(mut connection: PgConnection, sql: &str) -> Result<(), TargetError> {
    let failed = |error| target_error(error, "apply the schema");
    let mut tx = connection.begin().await.map_err(failed)?;
    // The setting is gone as soon as this transaction ends.
    sqlx::raw_sql("SET LOCAL whimbrel.script = 'running'").execute(&mut *tx).await.map_err(failed)?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await.map_err(|error| located(error, sql))?;
    let setting: Option<String> = sqlx::query_scalar("SELECT current_setting('whimbrel.script', true)")
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
    if setting.as_deref() != Some("running") {
        let source = "expected statements for one transaction, found one that begins, commits or rolls back".into();
        return Err(TargetError::Database { what: "applying the schema".to_owned(), source });
    }
    tx.commit().await.map_err(failed)?;
    // The server frees the session either way.
    let _ = connection.close().await;
    Ok(())
}

/// Returns the tables' schemas after the script, run in a database that is dropped again whatever happens.
pub(super) async fn try_out(
    session: Session,
    sql: String,
    names: Vec<String>,
) -> Result<Vec<Option<TableSchema>>, TargetError> {
    // A caller that stops waiting does not stop the clean-up.
    let tried = tokio::spawn(async move {
        let mut connection = session.connect(&session.writable_options()).await?;
        let name = create(&mut connection).await?;
        let found = in_scratch(&session, &name, &sql, &names).await;
        let dropped = sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", quote(&name))))
            .execute(&mut connection)
            .await
            .map_err(|error| target_error(error, &format!("drop the scratch database `{name}`")));
        let found = found?;
        dropped?;
        Ok(found)
    });
    match tried.await {
        Ok(tried) => tried,
        Err(error) => Err(TargetError::Database { what: "trying out the schema".to_owned(), source: Box::new(error) }),
    }
}

async fn create(connection: &mut PgConnection) -> Result<String, TargetError> {
    let what = "create a scratch database to try out the schema (the account needs CREATEDB)";
    let failed = |error| target_error(error, what);
    let like: (String, String, String) = sqlx::query_as(
        "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate::text, datctype::text \
         FROM pg_catalog.pg_database WHERE datname = current_database()",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?;
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let name: String = sqlx::query_scalar("SELECT 'whimbrel_scratch_' || replace(gen_random_uuid()::text, '-', '')")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let sql = format!(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
        quote(&name),
        literal(&like.0),
        literal(&like.1),
        literal(&like.2)
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map_err(failed)?;
    Ok(name)
}

async fn in_scratch(
    session: &Session,
    name: &str,
    sql: &str,
    names: &[String],
) -> Result<Vec<Option<TableSchema>>, TargetError> {
    let options = session.writable_options().database(name);
    apply(session.connect(&options).await?, sql).await?;
    let mut connection = session.connect(&options).await?;
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        found.push(introspect::table(&mut connection, name).await?);
    }
    // The database is dropped with its sessions.
    let _ = connection.close().await;
    Ok(found)
}

/// Says at which line of the script the server stopped.
fn located(error: sqlx::Error, sql: &str) -> TargetError {
    let position = match &error {
        sqlx::Error::Database(database) => {
            match database.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::position) {
                Some(PgErrorPosition::Original(position)) => Some(position),
                _ => None,
            }
        }
        _ => None,
    };
    let what = match position {
        Some(position) => {
            let line = 1 + sql.chars().take(position.saturating_sub(1)).filter(|character| *character == '\n').count();
            format!("apply the schema, line {line},")
        }
        None => "apply the schema".to_owned(),
    };
    // No row is at fault here, whatever the code says.
    match error::target_error(error, &what) {
        TargetError::Refused(refusal) => TargetError::Database { what, source: refusal.message.into() },
        other => other,
    }
}
