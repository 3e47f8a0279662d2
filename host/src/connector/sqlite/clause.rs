//! Conflict clauses of a table's own constraints: under `UNIQUE ON CONFLICT REPLACE` a row would remove those in its way, and
//! under `IGNORE` it would not be there, both without a word. Rows of a migration are refused there as everywhere.

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;

use super::name;

/// Returns what a statement that writes to the table has behind its first word: its own clause goes before the table's.
/// Where the table has none the statement has none either, for it would go before those inside of triggers, too.
pub(super) fn own(connection: &Connection, table: &str) -> rusqlite::Result<&'static str> {
    let sql = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
    let made: Option<Option<String>> =
        connection.prepare_cached(sql)?.query_row([name::bare(table)], |row| row.get(0)).optional()?;
    Ok(if has_clause(&made.flatten().unwrap_or_default()) { "OR ABORT " } else { "" })
}

fn has_clause(sql: &str) -> bool {
    let words: Vec<String> = sql.split_whitespace().map(str::to_ascii_lowercase).collect();
    words.windows(2).any(|pair| pair[0].ends_with("on") && pair[1].starts_with("conflict"))
}

#[cfg(test)]
mod tests {
    use super::has_clause;

    #[test]
    fn a_clause_is_found_however_it_is_written() {
        for sql in
            ["CREATE TABLE t (a UNIQUE ON CONFLICT REPLACE)", "create table t(a, unique(a)on\n  conflict ignore)"]
        {
            assert!(has_clause(sql), "{sql}");
        }
        assert!(!has_clause("CREATE TABLE conflict (a UNIQUE, b REFERENCES on_conflict)"));
    }
}
