//! What SQLite's errors mean.

use std::io::ErrorKind;

use rusqlite::Connection;
use rusqlite::ErrorCode;
use rusqlite::ffi;

use super::parents;
use super::schema;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::TargetError;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::packed;

/// Characters of the values that a message shows.
const VALUES_CHARS_MAX: usize = 200;

/// Returns what an error outside any single row means.
pub(super) fn error(error: rusqlite::Error, what: &str) -> TargetError {
    let source = |error| -> Box<dyn std::error::Error + Send + Sync> { Box::new(error) };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => TargetError::Transient { source: source(error) },
        Some(ErrorCode::DiskFull) => TargetError::Full { source: source(error) },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            TargetError::Permission { what: what.to_owned(), source: source(error) }
        }
        _ => TargetError::Database { what: what.to_owned(), source: source(error) },
    }
}

/// Returns what an error in opening the file means. SQLite says only that it cannot; the system knows why.
pub(super) fn open_error(failed: rusqlite::Error, url: &str, system: std::io::Result<()>) -> TargetError {
    match (failed.sqlite_error_code(), system) {
        (Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly), Err(why)) => system_error(why, url),
        (Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase), _) => {
            TargetError::Unreachable { url: url.to_owned(), source: Box::new(failed) }
        }
        _ => error(failed, &format!("open the database `{url}`")),
    }
}

/// Returns what it means that the system does not let the file be opened.
pub(super) fn system_error(why: std::io::Error, url: &str) -> TargetError {
    match why.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            TargetError::Permission { what: format!("open the database `{url}`"), source: Box::new(why) }
        }
        _ => TargetError::Unreachable { url: url.to_owned(), source: Box::new(why) },
    }
}

/// Returns what a schema file's error means, with the line that SQLite stopped at.
pub(super) fn script_error(failed: rusqlite::Error, script: &str) -> TargetError {
    match failed {
        // Its own text would repeat the rest of the script.
        rusqlite::Error::SqlInputError { msg, sql, offset, .. } => {
            let before = script.len().saturating_sub(sql.len()) + usize::try_from(offset).unwrap_or(0);
            let line = 1 + script.bytes().take(before).filter(|byte| *byte == b'\n').count();
            TargetError::Database { what: format!("apply the schema at line {line}"), source: msg.into() }
        }
        failed => error(failed, "apply the schema"),
    }
}

/// Returns what a failed write of a row means, with the foreign key at fault, which SQLite does not tell.
pub(super) fn of_write(
    connection: &Connection,
    rows: Rows<'_>,
    index: usize,
    row: &[Value],
    error: rusqlite::Error,
) -> TargetError {
    match of_row(error, rows.table, Some(index)) {
        Err(error) => error,
        Ok(refusal) if refusal.code == "foreign-key" => {
            TargetError::Refused(parents::name_foreign_key(connection, rows, row, refusal))
        }
        Ok(refusal) if refusal.code == "unique" => TargetError::Refused(with_values(rows, row, refusal)),
        Ok(refusal) => TargetError::Refused(refusal),
    }
}

/// Adds the values that stand already, which SQLite does not tell.
fn with_values(rows: Rows<'_>, row: &[Value], mut refusal: Refusal) -> Refusal {
    let table = rows.table;
    let columns = match refusal.constraint.as_deref() {
        Some(PRIMARY_KEY) => Some(&table.primary_key),
        Some(name) => table.uniques.iter().find(|unique| unique.name == name).map(|unique| &unique.columns),
        None => {
            let listed = |columns: &[usize]| Some(schema::listed(&table.columns, columns)) == refusal.column;
            table.uniques.iter().map(|unique| &unique.columns).find(|columns| listed(columns))
        }
    };
    let value_of = |column: &usize| row.get(rows.columns.iter().position(|fed| fed == column)?).cloned();
    // An index on an expression has columns of its own.
    let values = columns.and_then(|columns| columns.iter().map(value_of).collect::<Option<Vec<Value>>>());
    if let (Some(columns), Some(values)) = (columns, values.filter(|values| !values.is_empty())) {
        let shown: String = packed::display(&values).chars().take(VALUES_CHARS_MAX).collect();
        refusal.message = format!("{}: ({}) = ({shown})", refusal.message, schema::listed(&table.columns, columns));
    }
    refusal
}

/// Returns the refusal of a row, or the error where the row is not to blame. A failed foreign key's name is not in it.
pub(super) fn of_row(failed: rusqlite::Error, table: &TableSchema, row: Option<usize>) -> Result<Refusal, TargetError> {
    let rusqlite::Error::SqliteFailure(cause, message) = &failed else { return Err(error(failed, "write a row")) };
    let message = message.clone().unwrap_or_else(|| cause.to_string());
    let detail = message.split_once(": ").map(|(_, detail)| detail.to_owned());
    let column = || detail.as_deref().and_then(|detail| detail.rsplit('.').next()).map(str::to_owned);
    let (code, constraint, column) = match cause.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            let (constraint, columns) = detail.as_deref().map_or((None, None), |detail| unique_of(table, detail));
            ("unique", constraint, columns)
        }
        ffi::SQLITE_CONSTRAINT_CHECK => ("check", detail.clone(), None),
        ffi::SQLITE_CONSTRAINT_NOTNULL => ("not-null", None, column()),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ("foreign-key", None, None),
        ffi::SQLITE_CONSTRAINT_TRIGGER => ("trigger", None, None),
        ffi::SQLITE_CONSTRAINT_DATATYPE => ("value", None, column()),
        _ if matches!(cause.code, ErrorCode::TypeMismatch | ErrorCode::TooBig) => ("value", None, None),
        _ => return Err(error(failed, &format!("write a row of `{}`", table.name))),
    };
    Ok(Refusal { code, table: table.name.clone(), constraint, column, message, row })
}

/// Returns constraint and columns of the unique that SQLite's `t.a, t.b` or `index 'name'` means.
///
/// A primary key or an index is known by its name, a constraint by its columns: SQLite keeps no name of it.
fn unique_of(table: &TableSchema, detail: &str) -> (Option<String>, Option<String>) {
    if let Some(name) = detail.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\'')) {
        return (Some(name.to_owned()), None);
    }
    let bare = super::name::bare(&table.name);
    let text = |columns: &[usize]| {
        let names: Vec<String> = columns.iter().map(|c| format!("{bare}.{}", table.columns[*c].name)).collect();
        names.join(", ")
    };
    if text(&table.primary_key) == detail {
        return (Some(PRIMARY_KEY.to_owned()), None);
    }
    let Some(unique) = table.uniques.iter().find(|unique| text(&unique.columns) == detail) else {
        return (None, None);
    };
    let columns = schema::listed(&table.columns, &unique.columns);
    if unique.name == columns { (None, Some(columns)) } else { (Some(unique.name.clone()), None) }
}

/// How a refusal names a primary key: SQLite keeps no name of it.
pub(super) const PRIMARY_KEY: &str = "primary key";
