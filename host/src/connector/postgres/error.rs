//! What the server's error codes mean for a run.

use sqlx::postgres::PgDatabaseError;

use super::name::TableName;
use crate::connector::TargetError;
use crate::connector::target::Refusal;

/// Returns what an error outside of a row's writing means; `what` completes "… failed".
pub(super) fn target_error(error: sqlx::Error, what: &str) -> TargetError {
    row_error(error, what, "", &[])
}

/// Returns what an error means that came while rows were written to a table. `rows` gives each line of a COPY its row.
pub(super) fn row_error(error: sqlx::Error, what: &str, table: &str, rows: &[usize]) -> TargetError {
    let kind = match &error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(database) => of_database(database, table, rows),
            None => Kind::Database,
        },
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Kind::Transient,
        _ => Kind::Database,
    };
    let source = cause(error);
    match kind {
        Kind::Refused(refusal) => TargetError::Refused(refusal),
        Kind::Transient => TargetError::Transient { source },
        Kind::Permission => TargetError::Permission { what: what.to_owned(), source },
        Kind::Full => TargetError::Full { source },
        Kind::Database => TargetError::Database { what: what.to_owned(), source },
    }
}

/// Returns why something failed, in the server's own words or the system's. The driver would add which line of the
/// server's source has said so.
pub(super) fn cause(error: sqlx::Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(said) => words(said).into(),
            None => database.into_error(),
        },
        sqlx::Error::Io(error) => Box::new(error),
        sqlx::Error::PoolTimedOut => "no session became free in time".into(),
        other => Box::new(other),
    }
}

/// Returns what the server said, with its detail.
pub(super) fn words(said: &PgDatabaseError) -> String {
    match said.detail() {
        Some(detail) => format!("{}: {detail}", said.message()),
        None => said.message().to_owned(),
    }
}

/// Returns the server's five-character code.
pub(super) fn code(error: &sqlx::Error) -> Option<&str> {
    match error {
        sqlx::Error::Database(database) => database.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code),
        _ => None,
    }
}

/// Returns the name of the constraint that the server names.
pub(super) fn constraint(error: &sqlx::Error) -> Option<&str> {
    match error {
        sqlx::Error::Database(database) => {
            database.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::constraint)
        }
        _ => None,
    }
}

/// Returns whether the account may not do it.
pub(super) fn is_forbidden(error: &sqlx::Error) -> bool {
    code(error) == Some("42501")
}

/// Returns whether the server does not know the role, or not with this password.
pub(super) fn is_turned_away(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code.starts_with("28"))
}

/// Returns whether the server has no database of this name.
pub(super) fn is_no_database(error: &sqlx::Error) -> bool {
    code(error) == Some("3D000")
}

enum Kind {
    Refused(Refusal),
    Transient,
    Permission,
    Full,
    Database,
}

fn of_database(error: &PgDatabaseError, table: &str, rows: &[usize]) -> Kind {
    let said = Said {
        code: error.code(),
        message: error.message(),
        detail: error.detail(),
        table: error.table(),
        schema: error.schema(),
        constraint: error.constraint(),
        column: error.column(),
        place: error.r#where(),
    };
    if let Some(refusal) = said.refusal(table, rows) {
        return Kind::Refused(refusal);
    }
    let code = said.code;
    match code {
        "55P03" | "25P03" | "53300" => Kind::Transient,
        "42501" | "25006" => Kind::Permission,
        "53100" => Kind::Full,
        _ if ["40", "57P0", "08"].iter().any(|class| code.starts_with(class)) => Kind::Transient,
        _ if code.starts_with("28") => Kind::Permission,
        _ => Kind::Database,
    }
}

/// What the server has said, as it came over the wire or as a block has caught it.
pub(super) struct Said<'a> {
    pub code: &'a str,
    pub message: &'a str,
    pub detail: Option<&'a str>,
    pub table: Option<&'a str>,
    pub schema: Option<&'a str>,
    pub constraint: Option<&'a str>,
    pub column: Option<&'a str>,
    pub place: Option<&'a str>,
}

impl Said<'_> {
    /// Returns the refusal of a row that was to be written to this table, where it is one.
    pub(super) fn refusal(&self, table: &str, rows: &[usize]) -> Option<Refusal> {
        let code = match self.code {
            "23505" => "unique",
            "23514" => "check",
            "23502" => "not-null",
            "23503" | "23001" => "foreign-key",
            "23P01" => "exclusion",
            // A row of an index is limited to a third of a page.
            "54000" => "value",
            code if code.starts_with("P0") => "trigger",
            code if code.starts_with("22") => "value",
            code if ["40", "42501", "25", "28", "53", "55P03", "57P0", "08"]
                .iter()
                .any(|own| code.starts_with(own)) =>
            {
                return None;
            }
            // A trigger may raise a code of its own.
            _ if self.place.is_some_and(|place| place.contains(" at RAISE")) => "trigger",
            _ => return None,
        };
        let line = self.place.and_then(|place| copy_line(place, table));
        Some(Refusal {
            code,
            table: self.named_table(table),
            constraint: self.constraint.map(str::to_owned),
            column: self.column.map(str::to_owned),
            message: self.words(),
            row: line.and_then(|line| rows.get(line - 1).copied()),
        })
    }

    /// Returns the server's words, with its detail.
    pub(super) fn words(&self) -> String {
        match self.detail {
            Some(detail) => format!("{}: {detail}", self.message),
            None => self.message.to_owned(),
        }
    }

    /// A trigger may have written to another table, and that one is at fault then.
    fn named_table(&self, table: &str) -> String {
        let Some(found) = self.table else { return table.to_owned() };
        if TableName::parse(table).table == found {
            return table.to_owned();
        }
        let schema = self.schema.filter(|schema| *schema != "public").map(str::to_owned);
        TableName { schema, table: found.to_owned() }.written()
    }
}

/// Returns the line, from 1, that `COPY users, line 3, column email: "x"` names.
fn copy_line(place: &str, table: &str) -> Option<usize> {
    let start = format!("COPY {}, line ", TableName::parse(table).table);
    let rest = &place[place.find(&start)? + start.len()..];
    let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok().filter(|line| *line > 0)
}

#[cfg(test)]
mod tests {
    use super::copy_line;

    #[test]
    fn the_line_of_a_copy_is_found() {
        assert_eq!(copy_line("COPY Users, line 12, column email: \"x, line 3\"", "crm.Users"), Some(12));
        assert_eq!(copy_line("PL/pgSQL function f() line 3 at RAISE\nCOPY a, line 7", "a"), Some(7));
        assert_eq!(copy_line("COPY b, line 7", "a"), None);
        assert_eq!(copy_line("COPY a, line 0", "a"), None);
    }
}
