//! Schema files: all statements of one, or none.

use rusqlite::Connection;

use super::refusal;
use super::schema::Token;
use super::schema::tokens;
use crate::connector::TargetError;

/// Runs the statements of a schema file in one transaction, which they may not end themselves.
pub(super) fn run(connection: &Connection, sql: &str) -> Result<(), TargetError> {
    if let Some((line, word)) = own_transaction(sql) {
        return Err(TargetError::OwnTransaction { found: format!("`{word}` at line {line}") });
    }
    run_all(connection, sql).map_err(|error| refusal::script_error(error, sql))
}

/// Runs all statements or none.
pub(super) fn run_all(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let result = connection.execute_batch(sql).and_then(|()| connection.execute_batch("COMMIT"));
    if result.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    result
}

/// Returns the first statement that begins or ends a transaction: its line and its first word.
fn own_transaction(sql: &str) -> Option<(usize, String)> {
    let tokens = tokens(sql);
    let mut rest = tokens.as_slice();
    while let Some(first) = rest.first() {
        let statement = &rest[..end_of_statement(rest)];
        let is_own = match first.upper.as_str() {
            "BEGIN" | "COMMIT" | "END" => true,
            // To a savepoint of its own it may go back.
            "ROLLBACK" => !statement.iter().any(|token| token.upper == "TO"),
            _ => false,
        };
        if is_own {
            let line = 1 + sql[..first.start].bytes().filter(|byte| *byte == b'\n').count();
            return Some((line, first.text.clone()));
        }
        rest = &rest[statement.len()..];
    }
    None
}

/// Returns how many tokens the first statement has, with the semicolon; that of a trigger has semicolons inside.
fn end_of_statement(tokens: &[Token]) -> usize {
    let word = |index: usize| tokens.get(index).map_or("", |token| token.upper.as_str());
    let kind = if matches!(word(1), "TEMP" | "TEMPORARY") { 2 } else { 1 };
    let is_trigger = word(0) == "CREATE" && word(kind) == "TRIGGER";
    let ends =
        |&at: &usize| word(at) == ";" && (!is_trigger || (at >= 2 && word(at - 1) == "END" && word(at - 2) == ";"));
    (0..tokens.len()).find(ends).map_or(tokens.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::own_transaction;

    #[test]
    fn a_statement_that_begins_or_ends_a_transaction_is_found() {
        for (sql, found) in [
            ("CREATE TABLE a (b INT);\n-- COMMIT;\n  commit;", Some((3, "commit"))),
            ("PRAGMA foreign_keys = OFF;\nBEGIN TRANSACTION;", Some((2, "BEGIN"))),
            ("CREATE TABLE \"BEGIN\" (\"COMMIT\" TEXT DEFAULT ';COMMIT;')", None),
            ("SAVEPOINT s; ROLLBACK TO s; RELEASE s; ROLLBACK", Some((1, "ROLLBACK"))),
            ("SAVEPOINT s; ROLLBACK TRANSACTION TO SAVEPOINT s; RELEASE s;", None),
            (
                "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN\n UPDATE a SET b = CASE b WHEN 1 THEN 2 END; END;\n/* */ END;",
                Some((3, "END")),
            ),
            ("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END", None),
            ("", None),
        ] {
            let found = found.map(|(line, word): (usize, &str)| (line, word.to_owned()));
            assert_eq!(own_transaction(sql), found, "{sql}");
        }
    }
}
