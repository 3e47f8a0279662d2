//! Reads a table's schema out of SQLite.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Result;

use super::name;
use super::types;
use crate::record::Column;
use crate::record::ColumnType;
use crate::record::ForeignKey;
use crate::record::TableSchema;
use crate::record::Unique;

/// Returns the table's schema; `None` where there is no such table.
pub(super) fn read(connection: &Connection, table: &str) -> Result<Option<TableSchema>> {
    let bare = name::bare(table);
    let sql: Option<String> = connection
        .prepare("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1")?
        .query_row([bare], |row| row.get(0))
        .optional()?;
    let Some(sql) = sql else { return Ok(None) };
    let (mut columns, primary_key) = columns(connection, bare)?;
    let mut not_predicted = checks(&sql);
    let (uniques, has_key_index) = uniques(connection, bare, &columns, &mut not_predicted)?;
    // A primary key without an index of its own is the rowid: NULL never stands in it, and a new one is made up.
    let is_without_rowid = without_rowid(connection, bare)?;
    if let [only] = primary_key[..]
        && !has_key_index
        && !is_without_rowid
    {
        columns[only].nullable = false;
        columns[only].has_default = true;
        columns[only].has_fresh_default = true;
        columns[only].sequence = Some("rowid".to_owned());
    }
    let foreign_keys = foreign_keys(connection, bare, &columns)?;
    not_predicted.extend(triggers(connection, bare)?);
    Ok(Some(TableSchema { name: table.to_owned(), columns, primary_key, uniques, foreign_keys, not_predicted }))
}

/// Returns the statements that would make everything there is, without its rows.
pub(super) fn statements(connection: &Connection) -> Result<Vec<String>> {
    connection
        .prepare("SELECT sql FROM main.sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Returns whether some foreign key of the table is checked only at the commit, as far as its text tells.
pub(super) fn has_deferred_foreign_keys(connection: &Connection, table: &str) -> Result<bool> {
    let sql: Option<String> = connection
        .prepare_cached("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1")?
        .query_row([name::bare(table)], |row| row.get(0))
        .optional()?;
    let words: Vec<String> = tokens(&sql.unwrap_or_default()).into_iter().map(|token| token.upper).collect();
    Ok(words.windows(2).any(|pair| pair[0] == "INITIALLY" && pair[1] == "DEFERRED"))
}

fn columns(connection: &Connection, table: &str) -> Result<(Vec<Column>, Vec<usize>)> {
    let mut statement = connection.prepare(
        "SELECT name, type, \"notnull\", coalesce(upper(dflt_value), 'NULL') <> 'NULL', pk, hidden \
         FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
    )?;
    let mut rows = statement.query([table])?;
    let mut columns = Vec::new();
    let mut primary_key: Vec<(i64, usize)> = Vec::new();
    while let Some(row) = rows.next()? {
        let declared: String = row.get(1)?;
        let in_key: i64 = row.get(4)?;
        if in_key > 0 {
            primary_key.push((in_key, columns.len()));
        }
        columns.push(Column {
            name: row.get(0)?,
            kind: types::of_declared(&declared),
            declared,
            nullable: !row.get::<_, bool>(2)?,
            has_default: row.get(3)?,
            has_fresh_default: false,
            sequence: None,
            generated: row.get::<_, i64>(5)? != 0,
        });
    }
    primary_key.sort_unstable();
    Ok((columns, primary_key.into_iter().map(|(_, column)| column).collect()))
}

fn without_rowid(connection: &Connection, table: &str) -> Result<bool> {
    let found = connection
        .prepare("SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main'")?
        .query_row([table], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(false))
}

/// Returns the uniques over plain columns, and whether the primary key has an index.
fn uniques(
    connection: &Connection,
    table: &str,
    columns: &[Column],
    not_predicted: &mut Vec<String>,
) -> Result<(Vec<Unique>, bool)> {
    let mut statement = connection.prepare(
        "SELECT name, origin, partial FROM pragma_index_list(?1, 'main') WHERE \"unique\" ORDER BY seq DESC",
    )?;
    let mut rows = statement.query([table])?;
    let mut uniques = Vec::new();
    let mut has_key_index = false;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let origin: String = row.get(1)?;
        // SQLite forgets the names of UNIQUE constraints; what it calls their indexes says nothing to anybody.
        let (is_key, is_constraint) = (origin == "pk", origin == "u");
        has_key_index |= is_key;
        if row.get(2)? {
            not_predicted.push(format!("unique index `{name}` with a condition"));
            continue;
        }
        let mut parts =
            connection.prepare("SELECT name, coll FROM pragma_index_xinfo(?1, 'main') WHERE key ORDER BY seqno")?;
        let parts: Vec<(Option<String>, Option<String>)> =
            parts.query_map([&name], |part| Ok((part.get(0)?, part.get(1)?)))?.collect::<Result<_>>()?;
        if let Some(collation) = parts
            .iter()
            .filter_map(|part| part.1.as_deref())
            .find(|collation| !collation.eq_ignore_ascii_case("BINARY"))
        {
            not_predicted.push(format!("index `{name}` with collation {collation}"));
        }
        let indexes: Option<Vec<usize>> = parts.iter().map(|part| position(columns, part.0.as_deref()?)).collect();
        match indexes {
            Some(_) if is_key => {}
            Some(indexes) => {
                let name = if is_constraint { listed(columns, &indexes) } else { name };
                uniques.push(Unique { name, columns: indexes, nulls_equal: false });
            }
            None => not_predicted.push(format!("unique index `{name}` over an expression")),
        }
    }
    Ok((uniques, has_key_index))
}

/// Returns columns as a person would list them.
pub(super) fn listed(columns: &[Column], indexes: &[usize]) -> String {
    indexes.iter().map(|index| columns[*index].name.as_str()).collect::<Vec<_>>().join(", ")
}

fn foreign_keys(connection: &Connection, table: &str, columns: &[Column]) -> Result<Vec<ForeignKey>> {
    let mut statement = connection.prepare(
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, 'main') ORDER BY id DESC, seq",
    )?;
    let mut rows = statement.query([table])?;
    let mut found: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if found.last().is_none_or(|(last, _)| *last != id) {
            let parent = actual_name(connection, &row.get::<_, String>(1)?)?;
            let (name, columns, parent_columns) = Default::default();
            found.push((id, ForeignKey { name, columns, parent, parent_columns }));
        }
        let from: String = row.get(2)?;
        let to: Option<String> = row.get(3)?;
        if let (Some((_, key)), Some(column)) = (found.last_mut(), position(columns, &from)) {
            key.columns.push(column);
            key.parent_columns.extend(to);
        }
    }
    drop(rows);
    found.into_iter().map(|(_, key)| finish(connection, table, columns, key)).collect()
}

/// Names a foreign key, and fills in its parent's columns where it names none and so means the primary key.
fn finish(connection: &Connection, table: &str, own: &[Column], mut key: ForeignKey) -> Result<ForeignKey> {
    let (parent_columns, primary_key) = columns(connection, &key.parent)?;
    key.parent_columns = if key.parent_columns.is_empty() {
        primary_key.into_iter().map(|column| parent_columns[column].name.clone()).collect()
    } else {
        let actual = |name: &String| position(&parent_columns, name).map(|index| parent_columns[index].name.clone());
        key.parent_columns.iter().map(|name| actual(name).unwrap_or_else(|| name.clone())).collect()
    };
    let names: Vec<&str> = key.columns.iter().map(|column| own[*column].name.as_str()).collect();
    key.name = format!("{table}({}) references {}", names.join(", "), key.parent);
    Ok(key)
}

/// Returns the name with the letter case of the table's definition.
fn actual_name(connection: &Connection, table: &str) -> Result<String> {
    let found = connection
        .prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE")?
        .query_row([table], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or_else(|| table.to_owned()))
}

fn position(columns: &[Column], name: &str) -> Option<usize> {
    columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
}

fn triggers(connection: &Connection, table: &str) -> Result<Vec<String>> {
    connection
        .prepare(
            "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE ORDER BY name",
        )?
        .query_map([table], |row| Ok(format!("trigger `{}`", row.get::<_, String>(0)?)))?
        .collect()
}

/// Returns the check constraints of a `CREATE TABLE`, by their names, where they have some, and their text.
fn checks(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.upper != "CHECK" || tokens.get(index + 1).is_none_or(|next| next.upper != "(") {
            continue;
        }
        let named = index.checked_sub(2).filter(|before| tokens[*before].upper == "CONSTRAINT");
        let name = named.map(|before| format!("`{}` ", tokens[before + 1].text)).unwrap_or_default();
        found.push(format!("check constraint {name}{}", &sql[tokens[index + 1].start..close(&tokens, index + 1)]));
    }
    found
}

/// Returns the byte behind the parenthesis that closes the one at this token.
fn close(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for token in &tokens[open..] {
        match token.upper.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return token.end;
        }
    }
    tokens.last().map_or(0, |last| last.end)
}

/// A word, a quoted identifier or a single sign.
pub(super) struct Token {
    /// Without quotes.
    pub(super) text: String,
    /// In upper case for words and signs; empty for what was quoted.
    pub(super) upper: String,
    pub(super) start: usize,
    end: usize,
}

/// Parts SQL into tokens, leaving out blanks, comments and string literals' content.
pub(super) fn tokens(sql: &str) -> Vec<Token> {
    let bytes = sql.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let quoted_by = match bytes[at] {
            b'-' if bytes[at..].starts_with(b"--") => {
                at = sql[at..].find('\n').map_or(bytes.len(), |end| at + end);
                continue;
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                at = sql[at + 2..].find("*/").map_or(bytes.len(), |end| at + end + 4);
                continue;
            }
            b'[' => Some(b']'),
            quote @ (b'"' | b'`' | b'\'') => Some(quote),
            blank if blank.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            _ => None,
        };
        at += 1;
        if let Some(quote) = quoted_by {
            // A doubled quote starts another quoted token right behind: good enough for finding words.
            at = bytes[at..].iter().position(|byte| *byte == quote).map_or(bytes.len(), |end| at + end + 1);
            let inner = sql.get(start + 1..at.saturating_sub(1)).unwrap_or_default();
            tokens.push(Token { text: inner.to_owned(), upper: String::new(), start, end: at });
            continue;
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80;
        if is_word(bytes[start]) {
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
        }
        let text = &sql[start..at];
        tokens.push(Token { text: text.to_owned(), upper: text.to_ascii_uppercase(), start, end: at });
    }
    tokens
}

/// Returns whether these columns are exactly a primary key or a unique index of the table, in any order.
pub(super) fn is_backed(table: &TableSchema, key: &[usize]) -> bool {
    let mut sorted = key.to_vec();
    sorted.sort_unstable();
    let same = |columns: &[usize]| {
        let mut columns = columns.to_vec();
        columns.sort_unstable();
        columns == sorted
    };
    !key.is_empty() && (same(&table.primary_key) || table.uniques.iter().any(|unique| same(&unique.columns)))
}

/// Returns the place, among `columns`, of a rowid that SQLite would make up for a NULL.
pub(super) fn made_up_rowid(table: &TableSchema, columns: &[usize]) -> Option<usize> {
    let [only] = table.primary_key[..] else { return None };
    let column = &table.columns[only];
    let is_rowid = !column.nullable && column.has_default && matches!(column.kind, ColumnType::Integer { .. });
    is_rowid.then(|| columns.iter().position(|column| *column == only)).flatten()
}

#[cfg(test)]
mod tests;
