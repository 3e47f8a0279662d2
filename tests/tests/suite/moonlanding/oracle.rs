//! Holds a target beside what the generator says it must hold: every row by its natural key, every value in its own form.
//! Neither knows whimbrel; the ids in the target may be any, as long as they connect the right rows.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::Map;
use serde_json::Value as Json;

type Row = Map<String, Json>;

/// Returns the tables and the columns of their natural keys.
pub fn keys(expected: &Path) -> BTreeMap<String, Vec<String>> {
    serde_json::from_reader(File::open(expected.join("keys.json")).unwrap()).unwrap()
}

/// Returns the lines of one of the oracle's files.
pub fn lines(file: &Path) -> impl Iterator<Item = Row> + use<> {
    BufReader::new(File::open(file).unwrap()).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

/// Writes what is expected into an empty target, each row with its natural key as its id.
pub fn load(expected: &Path, target: &mut Connection) {
    let keys = keys(expected);
    target.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let tx = target.transaction().unwrap();
    tx.execute_batch("PRAGMA defer_foreign_keys = ON").unwrap();
    for (table, key) in &keys {
        let has_id = columns(&tx, table).contains("id");
        for row in lines(&expected.join(format!("{table}.jsonl"))) {
            let mut names: Vec<&str> = row.keys().map(String::as_str).collect();
            let mut values: Vec<Sql> = row.values().map(stored).collect();
            if has_id {
                names.push("id");
                values.push(Sql::Text(natural(&row, key)));
            }
            let places = vec!["?"; names.len()].join(", ");
            let sql = format!("INSERT INTO {table} (\"{}\") VALUES ({places})", names.join("\", \""));
            let mut insert = tx.prepare_cached(&sql).unwrap();
            insert
                .execute(rusqlite::params_from_iter(values))
                .unwrap_or_else(|error| panic!("{table} {row:?}: {error}"));
        }
    }
    tx.commit().unwrap();
}

fn stored(value: &Json) -> Sql {
    match value {
        Json::Null => Sql::Null,
        Json::Number(number) => Sql::Integer(number.as_i64().unwrap()),
        Json::String(text) => Sql::Text(text.clone()),
        Json::Object(form) => match form.iter().next().map(|(name, value)| (name.as_str(), value)).unwrap() {
            ("double", bits) => Sql::Real(double(bits)),
            ("json", value) => Sql::Text(plain(value).to_string()),
            ("row", key) => Sql::Text(key.to_string()),
            (_, text) => Sql::Text(text.as_str().unwrap().to_owned()),
        },
        other => panic!("{other} is no form"),
    }
}

fn double(bits: &Json) -> f64 {
    f64::from_bits(u64::from_str_radix(bits.as_str().unwrap(), 16).unwrap())
}

/// JSON with numbers in the place of bits.
fn plain(value: &Json) -> Json {
    match value {
        Json::Array(values) => values.iter().map(plain).collect(),
        Json::Object(fields) => match fields.get("double") {
            Some(bits) if fields.len() == 1 => double(bits).into(),
            _ => fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        },
        other => other.clone(),
    }
}

/// Returns a row's natural key as JSON text.
fn natural(row: &Row, key: &[String]) -> String {
    let parts: Vec<Json> = key
        .iter()
        .map(|column| match &row[column] {
            Json::Object(form) => form["row"].clone(),
            other => other.clone(),
        })
        .collect();
    if let [part] = &parts[..] { part.to_string() } else { Json::from(parts).to_string() }
}

/// Returns what is otherwise in the target, at most so many lines, and how many rows were compared.
pub fn differences(expected: &Path, target: &Connection, at_most: usize) -> (Vec<String>, u64) {
    let keys = keys(expected);
    let mut found = Vec::new();
    let mut compared = 0;
    target.execute_batch("CREATE TEMP TABLE wanted (key TEXT PRIMARY KEY, row TEXT, is_there INTEGER)").unwrap();
    for (table, key) in &keys {
        target.execute_batch("DELETE FROM temp.wanted").unwrap();
        {
            let mut insert = target.prepare("INSERT INTO temp.wanted VALUES (?, ?, 0)").unwrap();
            for row in lines(&expected.join(format!("{table}.jsonl"))) {
                insert.execute((natural(&row, key), Json::Object(row).to_string())).unwrap();
            }
        }
        compared += table_differences(target, &keys, table, &mut found);
        let mut missing = target.prepare("SELECT key FROM temp.wanted WHERE NOT is_there").unwrap();
        let missing = missing.query_map([], |row| row.get::<_, String>(0)).unwrap();
        found.extend(missing.map(|key| format!("{table} {}: no such row", key.unwrap())));
    }
    target.execute_batch("DROP TABLE temp.wanted").unwrap();
    found.truncate(at_most);
    (found, compared)
}

fn table_differences(
    target: &Connection,
    keys: &BTreeMap<String, Vec<String>>,
    table: &str,
    found: &mut Vec<String>,
) -> u64 {
    let references = references(target, table);
    let names: Vec<String> = columns(target, table).into_iter().collect();
    let shown = names.iter().map(|name| match references.get(name) {
        Some(parent) => {
            format!("(SELECT {} FROM {parent} p0 WHERE p0.id = t.\"{name}\")", key_sql(target, keys, parent, 0))
        }
        None => format!("t.\"{name}\""),
    });
    let shown: Vec<String> = shown.collect();
    // A reference to a row that is not there reads as one to nobody.
    let raw: Vec<String> = names.iter().map(|name| format!("t.\"{name}\" IS NULL")).collect();
    let sql = format!(
        "SELECT k, w.row, a.* FROM (SELECT {} AS k, {}, {} FROM {table} t) a LEFT JOIN temp.wanted w ON w.key = k",
        key_sql_of(target, keys, table, "t", 0),
        shown.iter().enumerate().map(|(place, sql)| format!("{sql} AS c{place}")).collect::<Vec<_>>().join(", "),
        raw.iter().enumerate().map(|(place, sql)| format!("{sql} AS n{place}")).collect::<Vec<_>>().join(", "),
    );
    let mut seen = target.prepare("UPDATE temp.wanted SET is_there = 1 WHERE key = ?").unwrap();
    let mut select = target.prepare(&sql).unwrap();
    let mut rows = select.query([]).unwrap();
    let mut compared = 0;
    while let Some(row) = rows.next().unwrap() {
        let key: Option<String> = row.get(0).unwrap();
        let Some(wanted) = row.get::<_, Option<String>>(1).unwrap() else {
            found.push(format!("{table} {}: nobody expects the row", key.unwrap_or_default()));
            continue;
        };
        let key = key.unwrap();
        seen.execute([&key]).unwrap();
        compared += 1;
        let wanted: Row = serde_json::from_str(&wanted).unwrap();
        for (place, name) in names.iter().enumerate() {
            let Some(wanted) = wanted.get(name) else { continue };
            let actual: Sql = row.get(3 + place).unwrap();
            let is_null: bool = row.get(3 + names.len() + place).unwrap();
            if !is_same(wanted, &actual) || (wanted.is_null() && !is_null) {
                found.push(format!("{table} {key} {name}: expected {wanted}, found {actual:?}"));
            }
        }
        for name in wanted.keys().filter(|name| !names.contains(name)) {
            found.push(format!("{table}: no column {name}"));
        }
    }
    compared
}

fn is_same(wanted: &Json, actual: &Sql) -> bool {
    let form = wanted.as_object().and_then(|form| form.iter().next()).map(|(name, value)| (name.as_str(), value));
    match (wanted, form, actual) {
        (Json::Null, _, Sql::Null) => true,
        (Json::Number(number), _, Sql::Integer(actual)) => number.as_i64() == Some(*actual),
        (Json::String(text), _, Sql::Text(actual)) => text == actual,
        (_, Some(("double", bits)), Sql::Real(actual)) => double(bits).to_bits() == actual.to_bits(),
        (_, Some(("instant", instant)), Sql::Text(actual)) => {
            actual.ends_with('Z') && shortest(instant.as_str().unwrap()) == shortest(actual)
        }
        (_, Some(("email", email)), Sql::Text(actual)) => email == actual.trim().to_lowercase().as_str(),
        (_, Some(("row", key)), Sql::Text(actual)) => {
            serde_json::from_str::<Json>(actual).is_ok_and(|actual| actual == *key)
        }
        (_, Some(("json", value)), Sql::Text(actual)) => {
            serde_json::from_str(actual).is_ok_and(|actual| is_same_json(value, &actual))
        }
        _ => false,
    }
}

/// An instant without zeros at the end of its fraction.
fn shortest(instant: &str) -> &str {
    let instant = instant.trim_end_matches('Z');
    if instant.contains('.') { instant.trim_end_matches('0').trim_end_matches('.') } else { instant }
}

fn is_same_json(wanted: &Json, actual: &Json) -> bool {
    match (wanted, actual) {
        (Json::Array(wanted), Json::Array(actual)) => {
            wanted.len() == actual.len()
                && wanted.iter().zip(actual).all(|(wanted, actual)| is_same_json(wanted, actual))
        }
        (Json::Object(fields), Json::Number(actual)) => {
            let bits = fields.get("double").filter(|_| fields.len() == 1);
            bits.is_some_and(|bits| actual.as_f64().map(f64::to_bits) == Some(double(bits).to_bits()))
        }
        (Json::Object(wanted), Json::Object(actual)) => {
            wanted.len() == actual.len()
                && wanted.iter().all(|(name, value)| actual.get(name).is_some_and(|actual| is_same_json(value, actual)))
        }
        (wanted, actual) => wanted == actual,
    }
}

/// SQL that gives the natural key of a parent's row, whose alias is `p` and its depth.
fn key_sql(target: &Connection, keys: &BTreeMap<String, Vec<String>>, table: &str, depth: usize) -> String {
    key_sql_of(target, keys, table, &format!("p{depth}"), depth + 1)
}

fn key_sql_of(
    target: &Connection,
    keys: &BTreeMap<String, Vec<String>>,
    table: &str,
    alias: &str,
    depth: usize,
) -> String {
    let references = references(target, table);
    let key = &keys[table];
    let parts = key.iter().map(|column| match references.get(column) {
        Some(parent) => format!(
            "json((SELECT {} FROM {parent} p{depth} WHERE p{depth}.id = {alias}.\"{column}\"))",
            key_sql(target, keys, parent, depth)
        ),
        None if key.len() == 1 => format!("json_quote({alias}.\"{column}\")"),
        None => format!("{alias}.\"{column}\""),
    });
    let parts: Vec<String> = parts.collect();
    if key.len() == 1 { parts.join("") } else { format!("json_array({})", parts.join(", ")) }
}

/// The parents of columns that refer to other rows.
fn references(target: &Connection, table: &str) -> BTreeMap<String, String> {
    let mut select = target.prepare(&format!("PRAGMA foreign_key_list({table})")).unwrap();
    let rows = select.query_map([], |row| Ok((row.get("from")?, row.get("table")?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn columns(target: &Connection, table: &str) -> BTreeSet<String> {
    let mut select = target.prepare(&format!("PRAGMA table_info({table})")).unwrap();
    let names = select.query_map([], |row| row.get("name")).unwrap();
    names.map(Result::unwrap).collect()
}
