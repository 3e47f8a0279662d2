//! The Chinook shop, from its eleven MongoDB collections, against the same shop as SQL: row for row, value for value.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;
use serde_json::json;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::root;
use whimbrel_tests::shared_data;

const ROWS: u64 = 15_607;

/// Tables and their primary keys, by the names that SQLite has; PostgreSQL's are in snake case.
pub const TABLES: [(&str, &str); 11] = [
    ("Album", "AlbumId"),
    ("Artist", "ArtistId"),
    ("Customer", "CustomerId"),
    ("Employee", "EmployeeId"),
    ("Genre", "GenreId"),
    ("Invoice", "InvoiceId"),
    ("InvoiceLine", "InvoiceLineId"),
    ("MediaType", "MediaTypeId"),
    ("Playlist", "PlaylistId"),
    ("PlaylistTrack", "PlaylistId, TrackId"),
    ("Track", "TrackId"),
];

/// A row, value by value.
pub type Row = Vec<Option<String>>;

#[test]
fn the_sqlite_shop_equals_the_original() {
    let Some(shop) = Shop::find("Chinook_Sqlite.sql", "migration.toml") else { return };
    let migrated = Database::sqlite();
    shop.migrate(&migrated);
    // The oracle is copied: SQLite wants to write beside a database that it opens.
    let oracle = Database::sqlite();
    fs::copy(shop.sql.join("Chinook_Sqlite.sqlite"), oracle.file().unwrap()).unwrap();
    fs::set_permissions(oracle.file().unwrap(), fs::metadata(migrated.file().unwrap()).unwrap().permissions()).unwrap();
    compare(&oracle, &migrated, |name| format!("[{name}]"), &[("Invoice", 412), ("Track", 2)]);
    for (table, _) in TABLES {
        let columns = migrated.query(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let types: Vec<String> = columns.iter().map(|row| format!("typeof([{}])", row[0].as_ref().unwrap())).collect();
        let sql =
            format!("SELECT {}, COUNT(*) FROM [{table}] GROUP BY {1} ORDER BY {1}", types.join(", "), numbers(&types));
        let mut types_of_oracle = oracle.query(&sql);
        if table == "Track" {
            // The composer that one collection leaves out; see `adapt`.
            types_of_oracle = with_null_composer(types_of_oracle);
        }
        assert_eq!(migrated.query(&sql), types_of_oracle, "{table}: types");
    }
    assert!(migrated.query("PRAGMA foreign_key_check").is_empty());
    assert_eq!(foreign_keys(&migrated), foreign_keys(&oracle));
}

#[test]
fn the_postgres_shop_equals_the_original() {
    let Some(shop) = Shop::find("Chinook_PostgreSql.sql", "migration.postgres.toml") else { return };
    let Some(migrated) = Database::postgres() else { return };
    shop.migrate(&migrated);
    let oracle = migrated.another();
    let script = fs::read_to_string(shop.sql.join("Chinook_PostgreSql.sql")).unwrap();
    oracle.execute(&script[script.find("CREATE TABLE").unwrap()..]);
    compare(&oracle, &migrated, snake_case, &[("Customer", 1), ("Invoice", 412), ("Track", 2)]);
    let constraints = "SELECT conname, pg_get_constraintdef(oid), convalidated::text FROM pg_constraint
        WHERE contype = 'f' ORDER BY conname";
    assert_eq!(migrated.query(constraints).len(), 11);
    assert_eq!(migrated.query(constraints), oracle.query(constraints));
}

/// The real data, and the manifest that moves it.
struct Shop {
    collections: PathBuf,
    sql: PathBuf,
    manifest: PathBuf,
    /// The script with the tables alone.
    schema: tempfile::NamedTempFile,
}

impl Shop {
    fn find(script: &str, manifest: &str) -> Option<Self> {
        let collections = shared_data("hasura-ndc-mongodb/chinook")?;
        let sql = shared_data("chinook")?;
        components::plugins();
        let text = fs::read_to_string(sql.join(script)).unwrap();
        let tables = &text[text.find("CREATE TABLE").unwrap()..text.find("INSERT INTO").unwrap()];
        let schema = tempfile::NamedTempFile::new().unwrap();
        fs::write(schema.path(), tables).unwrap();
        Some(Self { collections, sql, manifest: root().join("examples/chinook").join(manifest), schema })
    }

    fn call(&self, target: &Database, arguments: &[&str]) -> Json {
        let manifest = self.manifest.display().to_string();
        let call = Whimbrel::new(["--json", arguments[0], manifest.as_str()].iter().chain(&arguments[1..]))
            .env("CHINOOK", &self.collections.display().to_string())
            .env("CHINOOK_SCHEMA", &self.schema.path().display().to_string())
            .env("TARGET_URL", &target.url);
        call.run().expect(0).json()
    }

    /// Plans, predicts, migrates, and migrates again.
    fn migrate(&self, target: &Database) {
        let plan = self.call(target, &["plan"]);
        for entity in plan["entities"].as_array().unwrap() {
            let source = &entity["source"];
            assert_eq!(source["unmapped"], json!({ "_id": documents(&self.collections, entity) }), "{entity:#}");
            assert_eq!(source["never_present"], json!([]), "{entity:#}");
            assert_eq!(source["faults"], json!({}), "{entity:#}");
            assert_eq!(entity["tables"][0]["unfed"], json!([]), "{entity:#}");
        }

        let predicted = self.call(target, &["run"]);
        assert_eq!(predicted["mode"], "dry-run");
        assert!(target.file().is_none_or(|file| !file.exists()), "a dry run makes no file");

        let done = self.call(target, &["run", "--execute", "--yes"]);
        assert_eq!(done["status"], "completed");
        assert_eq!(done["conservation"], "ok");
        assert_eq!(outcome(&predicted), outcome(&done));
        let written = |entity: &Json| entity["total"]["written"].as_u64().unwrap();
        let entities = done["entities"].as_array().unwrap();
        assert_eq!(entities.len(), TABLES.len());
        assert_eq!(entities.iter().map(written).sum::<u64>(), ROWS);
        assert_eq!(done["dead_letters"], json!([]));

        let again = self.call(target, &["run", "--execute", "--yes"]);
        assert_eq!(again["status"], "nothing-to-do");
        assert_eq!(totals(&again), totals(&done));
    }
}

/// How many documents a collection's file has, counted without the code under test.
fn documents(folder: &Path, entity: &Json) -> usize {
    let collection = entity["from"].as_str().unwrap().rsplit('.').next().unwrap();
    let text = fs::read_to_string(folder.join(format!("{collection}.data.json"))).unwrap();
    serde_json::from_str::<Vec<Json>>(&text).unwrap().len()
}

/// What a dry run promises: every count, and nothing about time.
fn outcome(report: &Json) -> Vec<Json> {
    let parts =
        |entity: &Json| json!([entity["name"], entity["state"], entity["total"], entity["this_run"], entity["rows"]]);
    report["entities"].as_array().unwrap().iter().map(parts).collect()
}

fn totals(report: &Json) -> Vec<Json> {
    report["entities"].as_array().unwrap().iter().map(|entity| json!([entity["name"], entity["total"]])).collect()
}

/// Compares every row of every table. `editions` counts the rows in which the two editions of the shop differ; see `adapt`.
fn compare(oracle: &Database, migrated: &Database, name: impl Fn(&str) -> String, editions: &[(&str, usize)]) {
    let mut rows = 0;
    let mut differences: BTreeMap<&str, usize> = BTreeMap::new();
    for (table, key) in TABLES {
        let key: Vec<String> = key.split(", ").map(&name).collect();
        let sql = format!("SELECT * FROM {} ORDER BY {}", name(table), key.join(", "));
        let (expected, found) = (oracle.query(&sql), migrated.query(&sql));
        assert_eq!(found.len(), expected.len(), "{table}: rows");
        rows += found.len();
        for (expected, found) in expected.into_iter().zip(found) {
            let adapted = adapt(table, expected.clone());
            assert_eq!(found, adapted, "{table}");
            *differences.entry(table).or_default() += usize::from(adapted != expected);
        }
    }
    assert_eq!(rows as u64, ROWS);
    differences.retain(|_, count| *count > 0);
    assert_eq!(differences, editions.iter().copied().collect());
}

/// The collections are an older edition of the shop than the SQL: its invoices are of twelve years earlier, a track has
/// another name, and one has no composer yet. PostgreSQL's edition has lost the blank behind a customer's city.
fn adapt(table: &str, mut row: Row) -> Row {
    let id = row[0].clone().unwrap();
    match (table, id.as_str()) {
        ("Invoice", _) => {
            let date = row[2].take().unwrap();
            let (year, rest) = date.split_at(4);
            row[2] = Some(format!("{}{rest}", year.parse::<u32>().unwrap() - 12));
            if row[1].as_deref() == Some("54") {
                row[4] = Some("Edinburgh ".to_owned());
            }
        }
        ("Customer", "54") => row[5] = Some("Edinburgh ".to_owned()),
        ("Track", "2") => row[5] = None,
        ("Track", "728") => row[1] = Some("Woman Is The Nigger Of The World (Ao Vivo)".to_owned()),
        _ => {}
    }
    row
}

/// Moves one of the rows with all columns filled to those without a composer.
fn with_null_composer(mut groups: Vec<Row>) -> Vec<Row> {
    let count = |row: &Row| row.last().unwrap().as_ref().unwrap().parse::<u32>().unwrap();
    for row in &mut groups {
        let is_null = row[5].as_deref() == Some("null");
        let changed = if is_null { count(row) + 1 } else { count(row) - 1 };
        *row.last_mut().unwrap() = Some(changed.to_string());
    }
    assert_eq!(groups.len(), 2, "a track lacks its composer or nothing");
    groups
}

fn numbers(columns: &[String]) -> String {
    (1..=columns.len()).map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
}

/// The foreign keys that SQLite knows of.
fn foreign_keys(database: &Database) -> Vec<Row> {
    let keys = database.query(
        "SELECT child.name, key.\"from\", key.\"table\", key.\"to\" FROM sqlite_schema AS child
         JOIN pragma_foreign_key_list(child.name) AS key WHERE child.type = 'table' AND child.name NOT LIKE 'whimbrel%'
         ORDER BY 1, 2",
    );
    assert_eq!(keys.len(), 11);
    keys
}

pub fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
