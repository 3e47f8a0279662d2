//! Identifiers in SQL.

use crate::record::TableSchema;

/// Returns an identifier in double quotes.
pub(super) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Returns the table's name in `sqlite_schema`: without the `main.` that a manifest may put before it.
pub(super) fn bare(table: &str) -> &str {
    table.strip_prefix("main.").unwrap_or(table)
}

/// Returns a table's name as SQL writes it.
pub(super) fn table(table: &str) -> String {
    format!("\"main\".{}", quote(bare(table)))
}

/// Returns columns as a list of SQL.
pub(super) fn columns(table: &TableSchema, columns: &[usize]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quote(&table.columns[*column].name)).collect();
    names.join(", ")
}
