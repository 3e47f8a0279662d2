//! Documents of MongoDB: every type of BSON, by every conversion that makes sense, in both databases.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value as Json;
use serde_json::json;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::root;

use super::shown;

/// What a field is, what its column is made by, the columns, and the values.
struct Field {
    kind: &'static str,
    /// Keys beside `from`.
    how: &'static str,
    postgres: &'static str,
    sqlite: &'static str,
    values: Vec<Json>,
}

fn field(kind: &'static str, how: &'static str, types: [&'static str; 2], values: Vec<Json>) -> Field {
    let [postgres, sqlite] = types;
    Field { kind, how, postgres, sqlite, values }
}

fn fields() -> Vec<Field> {
    let double = |text: &str| json!({ "$numberDouble": text });
    let decimal = |text: &str| json!({ "$numberDecimal": text });
    let date = |ms: &str| json!({ "$date": { "$numberLong": ms } });
    let binary = |subtype: &str| json!({ "$binary": { "base64": "ABEiM0RVZneImaq7zN3u/w==", "subType": subtype } });
    let id = json!({ "$oid": "65a1b2c3d4e5f60718293a4b" });
    let dates =
        || vec![date("1706702400123"), date("-62135596800000"), date("253402300799999"), date("253402300800000")];
    vec![
        field("double", "", ["double precision", "REAL"], ["0.1", "-0.0", "NaN", "Infinity"].map(double).to_vec()),
        field("double", "as = \"decimal\"", ["numeric", "NUMERIC"], ["0.1", "NaN", "1e300"].map(double).to_vec()),
        field("double", "as = \"integer\"", ["bigint", "INTEGER"], ["3.0", "3.5"].map(double).to_vec()),
        field("string", "", ["text", "TEXT"], vec![json!(""), json!("ž😀"), json!("a\u{0}b")]),
        field("string", "", ["character varying(3)", "VARCHAR(3)"], vec![json!("abc"), json!("abcd")]),
        field(
            "document",
            "as = \"json\"",
            ["jsonb", "JSON"],
            vec![json!({ "b": 1, "a": [{ "$date": "2024-01-31T12:00:00Z" }] })],
        ),
        field("array", "as = \"json\"", ["jsonb", "JSON"], vec![json!([1, "x", null]), json!([])]),
        field("array", "as = \"text-array\"", ["text[]", "JSON"], vec![json!(["a", "", "a,b"]), json!([null])]),
        field(
            "array",
            "as = \"integer\", array = true",
            ["integer[]", "JSON"],
            vec![json!([1, null, "2"]), json!(["x"])],
        ),
        field("array", "reference = \"others\", array = true", ["uuid[]", "JSON"], vec![json!([id, null])]),
        field("binary, subtype 0", "", ["bytea", "BLOB"], vec![binary("00")]),
        field(
            "binary, subtype 2",
            "as = \"bytes\"",
            ["bytea", "BLOB"],
            vec![json!({ "$binary": { "base64": "AgAAAAD/", "subType": "02" } })],
        ),
        field("binary, subtype 3", "as = \"uuid\"", ["uuid", "UUID"], vec![binary("03")]),
        field("binary, subtype 4", "as = \"uuid\"", ["uuid", "UUID"], vec![binary("04")]),
        field("binary, subtype 5", "as = \"bytes\"", ["bytea", "BLOB"], vec![binary("05")]),
        field("undefined", "as = \"text\"", ["text", "TEXT"], vec![json!({ "$undefined": true })]),
        field("ObjectId", "as = \"text\"", ["text", "TEXT"], vec![id.clone()]),
        field("ObjectId", "reference = \"others\"", ["uuid", "UUID"], vec![id]),
        field("bool", "", ["boolean", "BOOLEAN"], vec![json!(true), json!(false)]),
        field("date", "", ["timestamp with time zone", "TIMESTAMPTZ"], dates()),
        field("date", "", ["timestamp without time zone", "TIMESTAMP"], dates()),
        field(
            "date",
            "as = \"local-timestamp\", zone = \"Europe/Prague\"",
            ["timestamp without time zone", "TIMESTAMP"],
            dates()[..1].to_vec(),
        ),
        field("date", "as = \"date\"", ["date", "DATE"], vec![date("1706659200000"), date("1706702400123")]),
        field("null", "", ["text", "TEXT"], vec![json!(null)]),
        field(
            "regular expression",
            "as = \"text\"",
            ["text", "TEXT"],
            vec![json!({ "$regularExpression": { "pattern": "a", "options": "i" } })],
        ),
        field("JavaScript", "as = \"text\"", ["text", "TEXT"], vec![json!({ "$code": "f()" })]),
        field("symbol", "as = \"text\"", ["text", "TEXT"], vec![json!({ "$symbol": "s" })]),
        field("int32", "", ["integer", "INTEGER"], vec![json!({ "$numberInt": "-2147483648" })]),
        field(
            "timestamp",
            "as = \"timestamp\"",
            ["timestamp with time zone", "TIMESTAMPTZ"],
            vec![json!({ "$timestamp": { "t": 1_706_702_400, "i": 7 } })],
        ),
        field("int64", "", ["bigint", "INTEGER"], vec![json!({ "$numberLong": "-9223372036854775808" })]),
        field("int64", "", ["integer", "INTEGER"], vec![json!({ "$numberLong": "2147483648" })]),
        field(
            "Decimal128",
            "",
            ["numeric", "NUMERIC"],
            ["1.50", "9999999999999999999999999999999999", "1E-6176", "NaN", "Infinity"].map(decimal).to_vec(),
        ),
        field("min key", "as = \"text\"", ["text", "TEXT"], vec![json!({ "$minKey": 1 })]),
        field("max key", "as = \"json\"", ["jsonb", "JSON"], vec![json!({ "$maxKey": 1 })]),
    ]
}

/// Writes what arrives.
pub fn section(page: &mut String) {
    let fields = fields();
    let arrived: Vec<_> = Database::each().iter().map(|target| arrived(&fields, target)).collect();
    page.push_str(
        "\n## From MongoDB\n\nBy the transformer `mongo-to-sql`; what arrives is what the database writes for it.\n\n",
    );
    page.push_str("| BSON | column | value | in PostgreSQL | in SQLite |\n| --- | --- | --- | --- | --- |\n");
    for (table, field) in fields.iter().enumerate() {
        for (id, value) in field.values.iter().enumerate() {
            let how = if field.how.is_empty() { String::new() } else { format!(" by `{}`", field.how) };
            let cell = |arrived: &BTreeMap<(usize, usize), String>| arrived[&(table, id)].clone();
            let _ = writeln!(
                page,
                "| {} | `{}`, `{}`{how} | {} | {} | {} |",
                field.kind,
                field.postgres,
                field.sqlite,
                shown(&value.to_string()),
                cell(&arrived[1]),
                cell(&arrived[0]),
            );
        }
    }
}

fn arrived(fields: &[Field], target: &Database) -> BTreeMap<(usize, usize), String> {
    components::plugins();
    let folder = tempfile::tempdir().unwrap();
    let export = folder.path().join("export");
    fs::create_dir(&export).unwrap();
    let is_file = target.file().is_some();
    let mut manifest = format!(
        "version = 1\nname = \"types\"\nplugins = {:?}\n[source.old]\nurl = \"mongoexport:export\"\n[target]\nurl = \"${{TARGET_URL}}\"\n\
         schema = \"schema.sql\"\n[defaults]\ntransform = \"mongo-to-sql\"\nid = \"keep\"\n[[entity]]\nname = \"others\"\nfrom = \"old.others\"\n\
         id = \"uuid-v5\"\ninto = [\"others\"]\nconfig.columns = {{ id = \"_id\" }}\n",
        root().join("plugins")
    );
    let mut schema = "CREATE TABLE others (id UUID PRIMARY KEY);\n".to_owned();
    fs::write(export.join("others.json"), "{\"_id\": {\"$oid\": \"65a1b2c3d4e5f60718293a4b\"}}\n").unwrap();
    for (table, field) in fields.iter().enumerate() {
        let how = if field.how.is_empty() { String::new() } else { format!(", {}", field.how) };
        let _ = write!(
            manifest,
            "[[entity]]\nname = \"t{table}\"\nfrom = \"old.t{table}\"\ninto = [\"t{table}\"]\nallow-empty = [\"t{table}\"]\n\
             dead-letters-max = \"100%\"\nconfig.columns = {{ id = \"_id\", v = {{ from = \"v\"{how} }} }}\n"
        );
        let declared = if is_file { field.sqlite } else { field.postgres };
        let _ = writeln!(schema, "CREATE TABLE t{table} (id INTEGER PRIMARY KEY, v {declared});");
        let documents =
            field.values.iter().enumerate().map(|(id, value)| format!("{}\n", json!({ "_id": id, "v": value })));
        fs::write(export.join(format!("t{table}.json")), documents.collect::<String>()).unwrap();
    }
    fs::write(folder.path().join("migration.toml"), manifest).unwrap();
    fs::write(folder.path().join("schema.sql"), schema).unwrap();
    let manifest = folder.path().join("migration.toml").display().to_string();
    let done = Whimbrel::new(["run", manifest.as_str(), "--execute", "--yes"]).env("TARGET_URL", &target.url).run();
    assert!(matches!(done.code, Some(0 | 3)), "{done}");
    let (text, own) = match is_file {
        true => (
            "CASE typeof(v) WHEN 'text' THEN v WHEN 'real' THEN printf('%!.17g', v) ELSE quote(v) END",
            "whimbrel_dead_letter",
        ),
        false => ("v::text", "whimbrel.dead_letter"),
    };
    let mut arrived = BTreeMap::new();
    for table in 0..fields.len() {
        for row in target.query(&format!("SELECT id, coalesce({text}, 'NULL') FROM t{table}")) {
            let id = row[0].as_ref().unwrap().parse().unwrap();
            arrived.insert((table, id), shown(row[1].as_deref().unwrap_or_default()));
        }
    }
    for row in target.query(&format!("SELECT entity, key, code FROM {own}")) {
        let [Some(entity), Some(key), Some(code)] = &row[..] else { panic!("a letter without a key: {row:?}") };
        arrived.insert((entity[1..].parse().unwrap(), key[1..].parse().unwrap()), format!("refused (`{code}`)"));
    }
    arrived
}
