//! Looks at whole tables: SQLite keeps any value in any column, so each is held against what would be written for it.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::clock;
use super::name;
use super::refusal;
use super::select::bind_key;
use super::types;
use crate::connector::audit::Examined;
use crate::connector::audit::Held;
use crate::connector::audit::Misfit;
use crate::connector::target::TargetError;
use crate::record::Column;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::convert;

/// Characters of a stored text that are shown.
const SHOWN_CHARS_MAX: usize = 80;

/// Counts the rows of a table.
pub(super) fn count(connection: &Connection, table: &TableSchema) -> Result<u64, TargetError> {
    let sql = format!("SELECT count(*) FROM {}", name::table(&table.name));
    number(connection, &sql, &format!("count the rows of `{}`", table.name))
}

/// Looks at rows behind a key. Keys are compared as they are stored: two spellings of a UUID are two keys to SQLite.
pub(super) fn examine(
    connection: &Connection,
    table: &TableSchema,
    key: &[usize],
    after: Option<&[Value]>,
    columns: &[usize],
    limit: usize,
) -> Result<Examined, TargetError> {
    let what = format!("read rows of `{}`", table.name);
    let failed = |error| refusal::error(error, &what);
    let order = name::columns(table, key);
    let nullable = key.iter().filter(|column| table.columns[**column].nullable);
    let mut conditions: Vec<String> =
        nullable.map(|column| format!("{} IS NOT NULL", name::quote(&table.columns[*column].name))).collect();
    if after.is_some() {
        let places: Vec<String> = (1..=key.len()).map(|place| format!("?{place}")).collect();
        conditions.push(format!("({order}) > ({})", places.join(", ")));
    }
    let behind = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let all: Vec<usize> = key.iter().chain(columns).copied().collect();
    let sql = format!(
        "SELECT {} FROM {} {behind} ORDER BY {order} LIMIT {limit}",
        name::columns(table, &all),
        name::table(&table.name)
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    bind_key(&mut statement, after.unwrap_or_default(), &what)?;
    let mut rows = statement.raw_query();
    let mut examined = Examined::default();
    while let Some(row) = rows.next().map_err(failed)? {
        examined.rows += 1;
        for (place, &column) in columns.iter().enumerate() {
            let stored = row.get_ref(key.len() + place).map_err(failed)?;
            examined.values += u64::from(stored != ValueRef::Null);
            if let Some((expected, found)) = fault(stored, &table.columns[column]) {
                let value = |(place, column): (usize, &usize)| {
                    Ok(types::read(row.get_ref(place)?, &table.columns[*column].kind))
                };
                let key = key.iter().enumerate().map(value).collect::<rusqlite::Result<_>>().map_err(failed)?;
                examined.misfits.push(Misfit { key, column, expected, found });
            }
        }
        let stored = (0..key.len()).map(|place| row.get_ref(place).map(types::plain));
        examined.last = Some(stored.collect::<rusqlite::Result<_>>().map_err(failed)?);
    }
    Ok(examined)
}

/// Says what is wrong with a stored value: what its column holds, and what stands there.
fn fault(stored: ValueRef<'_>, column: &Column) -> Option<(String, String)> {
    let value = types::read(stored, &column.kind);
    let expected = match convert::fit(value.clone(), column) {
        Err(mismatch) => mismatch.expected,
        Ok(fitted) if fitted != value => column.type_words(),
        Ok(_) => match written(&value) {
            Some(text) if stored != ValueRef::Text(text.as_bytes()) => format!("`{text}`"),
            _ => return None,
        },
    };
    Some((expected, shown(stored)))
}

/// Returns the one text that stands for a value, where there are others that say the same.
fn written(value: &Value) -> Option<String> {
    let written = match value {
        Value::Uuid(uuid) => return Some(uuid.hyphenated().to_string()),
        Value::Timestamp(us) => clock::timestamp(*us, true),
        Value::LocalTimestamp(us) => clock::timestamp(*us, false),
        Value::Date(days) => clock::date(*days),
        Value::Time(us) => clock::time(*us),
        _ => return None,
    };
    written.map(|written| String::from_utf8_lossy(written.as_bytes()).into_owned())
}

fn shown(stored: ValueRef<'_>) -> String {
    match stored {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(integer) => format!("the integer {integer}"),
        ValueRef::Real(double) => format!("the double {double}"),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => format!("the text `{}`", text.chars().take(SHOWN_CHARS_MAX).collect::<String>()),
            Err(_) => format!("text of {} bytes that is not UTF-8", bytes.len()),
        },
        ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}

/// Asks SQLite itself which rows point nowhere; it numbers foreign keys from the last one on.
pub(super) fn foreign_key(
    connection: &Connection,
    table: &TableSchema,
    foreign_key: usize,
    key: &[usize],
    limit: usize,
) -> Result<Held, TargetError> {
    let what = format!("check the foreign keys of `{}`", table.name);
    let failed = |error| refusal::error(error, &what);
    let id = table.foreign_keys.len() - 1 - foreign_key;
    let own = &table.foreign_keys[foreign_key].columns;
    let (sql_name, literal) = (name::table(&table.name), name::bare(&table.name).replace('\'', "''"));
    let points = |alias: &str| {
        let column = |column: &usize| format!("{alias}{} IS NOT NULL", name::quote(&table.columns[*column].name));
        own.iter().map(column).collect::<Vec<_>>().join(" AND ")
    };
    let check = format!("pragma_foreign_key_check('{literal}', 'main')");
    let pointing = number(connection, &format!("SELECT count(*) FROM {sql_name} WHERE {}", points("")), &what)?;
    let broken = number(connection, &format!("SELECT count(*) FROM {check} AS f WHERE f.fkid = {id}"), &what)?;
    let mut examples = Vec::new();
    if broken > 0 {
        let all: Vec<usize> = key.iter().chain(own).copied().collect();
        let names: Vec<String> =
            all.iter().map(|column| format!("t.{}", name::quote(&table.columns[*column].name))).collect();
        // A table without rowids has none to be told by.
        let sql = match connection.prepare(&format!("SELECT rowid FROM {sql_name} LIMIT 0")) {
            Ok(_) => format!(
                "SELECT {} FROM {check} AS f JOIN {sql_name} AS t ON t.rowid = f.rowid WHERE f.fkid = {id} LIMIT {limit}",
                names.join(", ")
            ),
            Err(_) => {
                let foreign = &table.foreign_keys[foreign_key];
                let pairs = own.iter().zip(&foreign.parent_columns).map(|(column, parent)| {
                    format!("p.{} = t.{}", name::quote(parent), name::quote(&table.columns[*column].name))
                });
                let pairs = pairs.collect::<Vec<_>>().join(" AND ");
                let (names, points, parent) = (names.join(", "), points("t."), name::table(&foreign.parent));
                format!(
                    "SELECT {names} FROM {sql_name} AS t WHERE {points} \
                     AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {pairs}) LIMIT {limit}"
                )
            }
        };
        let mut statement = connection.prepare(&sql).map_err(failed)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            let value =
                |(place, column): (usize, &usize)| Ok(types::read(row.get_ref(place)?, &table.columns[*column].kind));
            let mut values: Vec<Value> =
                all.iter().enumerate().map(value).collect::<rusqlite::Result<_>>().map_err(failed)?;
            let pointing = values.split_off(key.len());
            examples.push((values, pointing));
        }
    }
    Ok(Held { pointing, broken, examples })
}

fn number(connection: &Connection, sql: &str, what: &str) -> Result<u64, TargetError> {
    let count: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(|error| refusal::error(error, what))?;
    Ok(count.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use rusqlite::types::ValueRef;

    use super::fault;
    use crate::connector::sqlite::types::of_declared;
    use crate::record::Column;

    fn column(declared: &str) -> Column {
        Column {
            name: "v".to_owned(),
            kind: of_declared(declared),
            declared: declared.to_owned(),
            nullable: true,
            has_default: false,
            has_fresh_default: false,
            sequence: None,
            generated: false,
        }
    }

    #[test]
    fn values_that_are_not_in_their_columns_form() {
        let text = |text: &'static str| ValueRef::Text(text.as_bytes());
        for (declared, sound, wrong) in [
            ("BOOLEAN", vec![ValueRef::Integer(0), ValueRef::Integer(1)], vec![ValueRef::Integer(2), text("true")]),
            ("INTEGER", vec![ValueRef::Integer(-5), ValueRef::Null], vec![text("5 apples"), ValueRef::Real(0.5)]),
            ("REAL", vec![ValueRef::Real(-0.0)], vec![text("wide"), ValueRef::Blob(&[1])]),
            ("DECIMAL(5,2)", vec![ValueRef::Real(1.25), ValueRef::Integer(7)], vec![ValueRef::Real(0.125), text("x")]),
            ("VARCHAR(3)", vec![text("abc")], vec![text("abcd"), ValueRef::Blob(b"abc")]),
            ("BLOB", vec![ValueRef::Blob(&[0])], vec![text("a"), ValueRef::Integer(1)]),
            (
                "UUID",
                vec![text("0a0b0c0d-0000-4000-8000-000000000001")],
                vec![text("0A0B0C0D-0000-4000-8000-000000000001"), text("0a0b0c0d"), ValueRef::Integer(1)],
            ),
            (
                "TIMESTAMPTZ",
                vec![text("2024-01-31 12:00:00+00:00"), text("2024-01-31 12:00:00.500000+00:00")],
                vec![text("2024-01-31T12:00:00Z"), text("2024-01-31 14:00:00+02:00"), ValueRef::Integer(1_700_000_000)],
            ),
            ("DATETIME", vec![text("2024-01-31 12:00:00")], vec![text("31/01/24 12:00"), text("2024-01-31 12:00")]),
            ("DATE", vec![text("2024-01-31")], vec![text("2024-02-30"), text("20240131")]),
            ("JSON", vec![text("{\"a\": 1}")], vec![text("{a: 1}"), text("")]),
        ] {
            let column = column(declared);
            sound.into_iter().for_each(|stored| assert_eq!(fault(stored, &column), None, "{declared} {stored:?}"));
            wrong.into_iter().for_each(|stored| assert!(fault(stored, &column).is_some(), "{declared} {stored:?}"));
        }
    }
}
