//! Tables of SQL databases as sources: the Chinook shop from SQLite to PostgreSQL and back again, value for value; rows that
//! have no order, keys that are spelt in several ways, and a source that grows.

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

use super::chinook::Row;
use super::chinook::TABLES;
use super::chinook::snake_case;

mod composite;
mod references;

const ROWS: u64 = 15_607;

/// The tables alone of a script that fills them too.
fn schema(script: &str) -> tempfile::NamedTempFile {
    let tables = &script[script.find("CREATE TABLE").unwrap()..script.find("INSERT INTO").unwrap()];
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), tables).unwrap();
    file
}

fn call(manifest: &str, source: &str, schema: &Path, target: &Database, arguments: &[&str]) -> Json {
    let manifest = root().join("examples/chinook-sql").join(manifest).display().to_string();
    Whimbrel::new(["--json", arguments[0], manifest.as_str()].iter().chain(&arguments[1..]))
        .env("CHINOOK", source)
        .env("CHINOOK_SCHEMA", &schema.display().to_string())
        .env("TARGET_URL", &target.url)
        .run()
        .expect(0)
        .json()
}

fn moved(report: &Json) -> u64 {
    report["entities"].as_array().unwrap().iter().map(|entity| entity["total"]["written"].as_u64().unwrap()).sum()
}

#[test]
fn the_shop_goes_to_postgres_and_comes_back() {
    let Some(sql) = shared_data("chinook") else { return };
    let Some(postgres) = Database::postgres() else { return };
    components::plugins();
    let script = |name: &str| fs::read_to_string(sql.join(name)).unwrap();
    let original = Database::sqlite();
    fs::copy(sql.join("Chinook_Sqlite.sqlite"), original.file().unwrap()).unwrap();

    let there = schema(&script("Chinook_PostgreSql.sql"));
    let file = original.file().unwrap().display().to_string();
    let predicted = call("sqlite-to-postgres.toml", &file, there.path(), &postgres, &["run"]);
    let done = call("sqlite-to-postgres.toml", &file, there.path(), &postgres, &["run", "--execute", "--yes"]);
    assert_eq!((moved(&predicted), moved(&done)), (ROWS, ROWS));
    assert_eq!(done["dead_letters"], json!([]));
    let again = call("sqlite-to-postgres.toml", &file, there.path(), &postgres, &["run", "--execute", "--yes"]);
    assert_eq!(again["status"], "nothing-to-do");

    let back = schema(&script("Chinook_Sqlite.sql"));
    let returned = Database::sqlite();
    let done = call("postgres-to-sqlite.toml", &postgres.url, back.path(), &returned, &["run", "--execute", "--yes"]);
    assert_eq!(moved(&done), ROWS);
    let mut rows = 0;
    for (table, key) in TABLES {
        let all = format!("SELECT * FROM [{table}] ORDER BY {key}");
        let expected = original.query(&all);
        rows += expected.len() as u64;
        same_rows(table, &returned.query(&all), &expected);
        let keys: Vec<String> = key.split(", ").map(snake_case).collect();
        let all = format!("SELECT * FROM {} ORDER BY {}", snake_case(table), keys.join(", "));
        let mut there = postgres.query(&all);
        there.iter_mut().flatten().flatten().for_each(without_t);
        same_rows(table, &there, &expected);
        let columns = original.query(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let types: Vec<String> = columns.iter().map(|row| format!("typeof([{}])", row[0].as_ref().unwrap())).collect();
        let types = format!("SELECT {} FROM [{table}] ORDER BY {key}", types.join(", "));
        same_rows(table, &returned.query(&types), &original.query(&types));
    }
    assert_eq!(rows, ROWS);
    assert_eq!(postgres.query("SELECT count(*) FROM whimbrel.nulled_reference"), [[Some("0".to_owned())]]);
}

fn same_rows(table: &str, found: &[Row], expected: &[Row]) {
    assert_eq!(found.len(), expected.len(), "{table}: rows");
    found.iter().zip(expected).for_each(|(found, expected)| assert_eq!(found, expected, "{table}"));
}

/// A timestamp as SQLite spells it.
fn without_t(text: &mut String) {
    if let [.., b'T', _, _, b':', _, _, b':', _, _] = text.as_bytes() {
        let at = text.len() - 9;
        text.replace_range(at..=at, " ");
    }
}

#[test]
fn every_type_of_postgres_arrives_as_it_left() {
    let Some(source) = Database::postgres() else { return };
    let target = source.another();
    let types = "CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
        CREATE TABLE things (id UUID PRIMARY KEY, a BOOLEAN, b SMALLINT, c INTEGER, d BIGINT, e REAL, f DOUBLE PRECISION,
            g NUMERIC, h NUMERIC(12, 3), i TEXT, j VARCHAR(9), k CHAR(4), l BYTEA, m TIMESTAMPTZ, n TIMESTAMP, o DATE, p TIME,
            q JSON, r JSONB, s TEXT[], t mood);";
    source.execute(types);
    source.execute(
        "INSERT INTO things VALUES
        ('00000000-0000-0000-0000-000000000001', true, -32768, -2147483648, -9223372036854775808, 1.5, 0.1, 1e-200,
         -123456789.125, E'a\\tž\\U0001F600', '', 'ab', '\\x00ff', '0001-01-01 00:00:00.000001+00', '9999-12-31 23:59:59.999999',
         '0001-01-01', '23:59:59.999999', '{\"b\": 1, \"a\": [1.50]}', '{\"b\": 1, \"a\": [1.50]}', ARRAY['', 'a,b', '\"'], 'sad'),
        ('00000000-0000-0000-0000-000000000002', false, 32767, 2147483647, 9223372036854775807, 'NaN', '-Infinity',
         12345678901234567890123456789012345678901234567890.12345, 0, 'x', 'y', '', '', '2024-03-31 02:30:00.123+01',
         '2024-03-31 02:30:00', '2024-02-29', '00:00:00', 'null', '[]', '{}', 'it''s ok'),
        ('00000000-0000-0000-0000-000000000003', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
         NULL, NULL, NULL, NULL, NULL, NULL);",
    );
    let columns: Vec<String> = ["id"]
        .into_iter()
        .map(str::to_owned)
        .chain(('a'..='t').map(String::from))
        .map(|name| format!("{name} = \"{name}\""))
        .collect();
    let manifest = THINGS.replace("id = \"id\", note = \"note\"", &columns.join(", "));
    let small = Small { target, ..Small::new(source, "", &manifest, types) };
    let done = small.call(&["run", "--execute", "--yes", "--json"]).run().expect(0).json();
    assert_eq!(done["entities"][0]["total"]["written"], 3);
    let all = "SELECT things::text FROM things ORDER BY id";
    assert_eq!(small.target.query(all), small.source.query(all));
}

/// A source, and a manifest that moves its one table to a target.
pub struct Small {
    pub folder: tempfile::TempDir,
    pub source: Database,
    pub target: Database,
}

impl Small {
    pub fn new(source: Database, rows: &str, manifest: &str, table: &str) -> Self {
        components::plugins();
        let (folder, target) = (tempfile::tempdir().unwrap(), Database::sqlite());
        source.execute(rows);
        let text = format!(
            "version = 1\nname = \"small\"\nplugins = {:?}\n[source.old]\nurl = \"${{OLD}}\"\n\
             [target]\nurl = \"${{TARGET_URL}}\"\nschema = \"schema.sql\"\n[defaults]\ntransform = \"sql-to-sql\"\nid = \"keep\"\n{manifest}",
            root().join("plugins")
        );
        fs::write(folder.path().join("migration.toml"), text).unwrap();
        fs::write(folder.path().join("schema.sql"), table).unwrap();
        Self { folder, source, target }
    }

    pub fn manifest(&self) -> PathBuf {
        self.folder.path().join("migration.toml")
    }

    pub fn call(&self, arguments: &[&str]) -> Whimbrel {
        let manifest = self.manifest().display().to_string();
        Whimbrel::new(arguments[..1].iter().copied().chain([manifest.as_str()]).chain(arguments[1..].iter().copied()))
            .env("OLD", &self.source.url)
            .env("TARGET_URL", &self.target.url)
    }
}

pub const THINGS: &str = "[[entity]]\nname = \"things\"\nfrom = \"old.things\"\nkey = \"id\"\ninto = [\"things\"]\n\
    transaction-rows = 3\nbatch-records = 3\nconfig.columns = { id = \"id\", note = \"note\" }\n";

#[test]
fn keys_are_read_in_the_order_that_the_database_has() {
    // Upper and lower case, and dates in forms of which SQLite knows nothing: what is read on from is the stored text.
    let many = |of: &dyn Fn(usize) -> String| (0..60).map(of).collect::<Vec<_>>();
    for (kind, keys) in [
        ("UUID", many(&|at| format!("0000000{}-0000-0000-0000-{at:012}", ["a", "B", "A", "c"][at % 4]))),
        ("DATETIME", many(&|at| format!("2024-01-31{}{:02}:00:{:02}", ["T", " "][at % 2], at % 24, at))),
        ("TEXT", many(&|at| format!("{}{at}", ["", "A", "a", "ž"][at % 4]))),
        ("TEXT COLLATE NOCASE", many(&|at| format!("{}{at}", ["x", "X", "y"][at % 3]))),
        ("BLOB", many(&|at| format!("k{at}"))),
    ] {
        let rows: String = keys.iter().map(|key| format!("INSERT INTO things VALUES ('{key}', 'of {key}');")).collect();
        let old = format!("CREATE TABLE things (id {kind} PRIMARY KEY, note TEXT) WITHOUT ROWID; BEGIN; {rows} COMMIT");
        let manifest = THINGS.replace("id = \"id\",", "id = { from = \"id\", as = \"text\" },");
        let new = "CREATE TABLE things (id TEXT PRIMARY KEY, note TEXT)";
        let small = Small::new(Database::sqlite(), &old, &manifest, new);
        small.call(&["run", "--execute", "--yes", "--limit", "7"]).run().expect(0);
        small.call(&["run", "--execute", "--yes"]).run().expect(0);
        let mut found: Vec<String> = texts::<1>(small.target.query("SELECT note FROM things")).concat();
        let mut expected: Vec<String> = keys.iter().map(|key| format!("of {key}")).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{kind}");
    }
}

#[test]
fn rows_that_an_order_leaves_out_fail_the_run() {
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)";
    let ties = format!(
        "CREATE TABLE things (id TEXT COLLATE NOCASE NOT NULL, note TEXT); CREATE UNIQUE INDEX u ON things (id COLLATE BINARY);
         INSERT INTO things VALUES ('a', 'a page ends between two that are equal');
         {numbers} INSERT INTO things SELECT 'k' || (i % 30 + 10), i FROM n WHERE i <= 30;
         {numbers} INSERT INTO things SELECT 'K' || (i % 30 + 10), i FROM n WHERE i <= 30"
    );
    let small = Small::new(Database::sqlite(), &ties, THINGS, "CREATE TABLE things (id TEXT PRIMARY KEY, note TEXT)");
    let failed = small.call(&["run", "--execute", "--yes"]).run().expect(1);
    assert!(failed.stderr.contains("the table `things` has 61 rows, and 60 were found"), "{failed}");
    // No text, and a blob of its bytes would be behind every text.
    let odd = format!(
        "CREATE TABLE things (id TEXT PRIMARY KEY, note TEXT); INSERT INTO things VALUES (CAST(x'6bff' AS TEXT), 'n');
         {numbers} INSERT INTO things SELECT 'j' || i, i FROM n; {numbers} INSERT INTO things SELECT 'l' || i, i FROM n"
    );
    let small = Small::new(Database::sqlite(), &odd, THINGS, "CREATE TABLE things (id TEXT PRIMARY KEY, note TEXT)");
    let failed = small.call(&["run", "--execute", "--yes"]).run().expect(1);
    assert!(failed.stderr.contains("a key that is text, but not UTF-8"), "{failed}");

    let Some(source) = Database::postgres() else { return };
    let old = "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT); CREATE TABLE more () INHERITS (things);
        INSERT INTO things SELECT i, 'n' FROM generate_series(1, 40) AS i; INSERT INTO more VALUES (8, 'm');";
    let small = Small::new(source, old, THINGS, "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT)");
    let refused = small.call(&["run"]).run().expect(2);
    assert!(refused.stderr.contains("several rows of `things` have the key (id) = (8): those of `more`"), "{refused}");
}

/// The key of a table does not hold for the rows of those that inherit from it, and a page may end between two of one key.
#[test]
fn a_key_that_heirs_repeat_is_refused() {
    let Some(source) = Database::postgres() else { return };
    let old = "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT);
        CREATE TABLE more () INHERITS (things); CREATE SCHEMA other; CREATE TABLE other.most () INHERITS (more);
        INSERT INTO things SELECT i, 'n' FROM generate_series(1, 6) AS i;
        INSERT INTO other.most SELECT i, 'm' FROM generate_series(4, 9) AS i;";
    let manifest = THINGS.replace("key = \"id\"", "key = [\"id\", \"note\"]");
    let new = "CREATE TABLE things (id INTEGER, note TEXT, PRIMARY KEY (id, note))";
    let small = Small::new(source, old, &manifest, new);
    let write = |text: &str| fs::write(small.manifest(), text).unwrap();
    let text = fs::read_to_string(small.manifest()).unwrap();
    let run = ["run", "--execute", "--yes"];
    let refused = small.call(&[&run[..], &["--limit", "4"]].concat()).run().expect(2);
    for words in [
        "(id) = (4): those of `more`, `other.most` are among them",
        "where = \"tableoid = '\\\"things\\\"'::regclass\"",
        "migration.toml:1",
    ] {
        assert!(refused.stderr.contains(words), "`{words}` is missing: {refused}");
    }
    // Rows that are not selected are in nobody's way, and heirs with other keys neither.
    write(&text.replace("into =", "where = \"tableoid = '\\\"things\\\"'::regclass\"\ninto ="));
    small.call(&[&run[..], &["--limit", "4"]].concat()).run().expect(0);
    small.call(&run).run().expect(0);
    assert_eq!(small.target.query("SELECT count(*) FROM things"), [[Some("6".to_owned())]]);
    small.source.execute("UPDATE other.most SET id = id + 10");
    write(&text.replace("\"small\"", "\"second\"").replace("into =", "on-conflict = \"skip\"\ninto ="));
    small.call(&run).run().expect(0);
    assert_eq!(small.target.query("SELECT count(*) FROM things"), [[Some("12".to_owned())]]);
}

#[test]
fn a_resumed_run_reads_on_in_the_order_it_began_in() {
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)";
    let old = format!(
        "CREATE TABLE things (id INTEGER NOT NULL, note TEXT, other INTEGER NOT NULL); CREATE UNIQUE INDEX b ON things (id);
         {numbers} INSERT INTO things SELECT i, 'n', -i FROM n"
    );
    let manifest = THINGS.replace("into =", "# which order\ninto =");
    let small =
        Small::new(Database::sqlite(), &old, &manifest, "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT)");
    small.call(&["run", "--execute", "--yes", "--limit", "10"]).run().expect(0);
    small.source.execute("DROP INDEX b; CREATE UNIQUE INDEX a ON things (other)");
    let refused = small.call(&["run", "--execute", "--yes"]).run().expect(1);
    assert!(
        refused.stderr.contains("one in the order of `id INTEGER`, and the order is `other INTEGER` now"),
        "{refused}"
    );
}

#[test]
fn one_table_that_cannot_be_read_says_nothing_of_the_others() {
    let Some(source) = Database::postgres() else { return };
    let two = THINGS.replace("\"things\"", "\"others\"").replace("old.things", "old.others");
    let manifest = format!("{}{two}", THINGS.replace("into =", "where = \"mad > 1\"\ninto ="));
    let old = "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT); CREATE TABLE others (id BIT(16) PRIMARY KEY, note TEXT);
        INSERT INTO others SELECT i::bit(16), 'n' FROM generate_series(1, 3000) AS i;";
    let new = "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT); CREATE TABLE others (id TEXT PRIMARY KEY, note TEXT);";
    let small = Small::new(source, old, &manifest, new);
    let refused = small.call(&["run"]).run().expect(2);
    assert_eq!(refused.stderr.matches("migration.toml:").count(), 1, "{refused}");
    fs::write(small.manifest(), fs::read_to_string(small.manifest()).unwrap().replace("mad > 1", "id > 1")).unwrap();
    small.call(&["run", "--execute", "--yes"]).run().expect(0);
    assert_eq!(small.target.query("SELECT count(*) FROM others"), [[Some("3000".to_owned())]]);
}

#[test]
fn what_cannot_be_read_in_order_is_refused_at_its_line() {
    for (old, expected) in [
        ("CREATE TABLE things (id TEXT, note TEXT)", "has neither a primary key nor a unique one without NULL"),
        (
            "CREATE TABLE things (id TEXT PRIMARY KEY, note TEXT); INSERT INTO things VALUES (NULL, 'n')",
            "1 rows with NULL",
        ),
        ("CREATE TABLE thing (id TEXT PRIMARY KEY, note TEXT)", "did you mean `thing`?"),
        ("CREATE TABLE things (number INTEGER PRIMARY KEY, note TEXT)", "its primary key is `key = \"number\"`"),
    ] {
        let small = Small::new(Database::sqlite(), old, THINGS, "CREATE TABLE things (id TEXT PRIMARY KEY, note TEXT)");
        let refused = small.call(&["run"]).run().expect(2);
        assert!(refused.stderr.contains(expected), "{refused}");
        assert!(refused.stderr.contains("migration.toml:1"), "the line is told: {refused}");
    }
    for source in Database::each() {
        let kinds = if source.file().is_some() { &["VIEW"][..] } else { &["VIEW", "MATERIALIZED VIEW"] };
        for kind in kinds {
            let old = format!("CREATE TABLE thing (id TEXT PRIMARY KEY); CREATE {kind} things AS SELECT * FROM thing;");
            let small =
                Small::new(source.another(), &old, THINGS, "CREATE TABLE things (id TEXT PRIMARY KEY, note TEXT)");
            let refused = small.call(&["run"]).run().expect(2);
            let expected = format!("`things` is a {}, and only tables are read", kind.to_lowercase());
            assert!(refused.stderr.contains(&expected), "{refused}");
            assert!(refused.stderr.contains("make a table of it"), "{refused}");
        }
    }
    let small = Small::new(Database::sqlite(), "", THINGS, "CREATE TABLE things (id TEXT PRIMARY KEY, note TEXT)");
    let gone = small.call(&["plan"]).env("OLD", "sqlite:/nowhere/old.db").run().expect(2);
    assert!(gone.stderr.contains("cannot reach the source `sqlite:/nowhere/old.db`"), "{gone}");
}

#[test]
fn a_table_is_read_on_from_where_a_run_stopped() {
    for source in Database::each() {
        let rows: Vec<String> =
            (0..2_500).map(|at| format!("INSERT INTO things VALUES ({}, '{at}', 'note {at}');", at % 7)).collect();
        let old = "CREATE TABLE things (part INTEGER, id TEXT, note TEXT, PRIMARY KEY (part, id));";
        let manifest = THINGS.replace("key = \"id\"", "key = [\"part\", \"id\"]").replace(
            "config.columns = { id = \"id\", note",
            "config.columns = { part = \"part\", id = { from = \"id\", as = \"text\" }, note",
        );
        let small = Small::new(source, &format!("BEGIN; {old}{} COMMIT", rows.concat()), &manifest, old);
        let run = ["run", "--execute", "--yes", "--json"];
        for limit in ["1", "10", "1000"] {
            small.call(&[&run[..], &["--limit", limit]].concat()).run().expect(0);
        }
        let done = small.call(&run).run().expect(0).json();
        assert_eq!(done["entities"][0]["total"]["written"], 2_500);
        let all = "SELECT part, id, note FROM things ORDER BY part, id, note";
        let expected: Vec<_> = small.source.query("SELECT part, id, note FROM things");
        let mut expected = expected;
        expected.sort();
        let mut found = small.target.query(all);
        found.sort();
        assert_eq!(found, expected);
        let verified = small.call(&["verify", "--json"]).run().expect(0).json();
        assert_eq!(verified["differences"], 0);
        // What comes behind the last key is told, and so is what is gone.
        small.source.execute("INSERT INTO things VALUES (9, 'x', 'new')");
        let changed = small.call(&run).run().expect(1);
        assert!(changed.stderr.contains("2501 rows"), "{changed}");
    }
}

#[test]
fn a_filter_selects_the_same_rows_whenever_it_is_asked() {
    let times = |range: std::ops::Range<u32>| -> String {
        range
            .map(|at| format!("INSERT INTO things VALUES ({at}, 'n', '2024-02-{:02} 12:00:00');", at % 28 + 1))
            .collect()
    };
    for source in Database::each() {
        let (days, zone) = match source.file() {
            Some(_) => ("made >= date(:now, '-7 days') -- a week", ""),
            None => ("made >= :now - interval '7 days' AND made::text <> ':nowhere' -- a week", " WITH TIME ZONE"),
        };
        let old = format!("CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT, made TIMESTAMP{zone});");
        let manifest = THINGS.replace("into =", &format!("where = {days:?}\ninto ="));
        let new = "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT)";
        let small = Small::new(source, &format!("{old}{}", times(0..280)), &manifest, new);
        let run = ["run", "--execute", "--yes", "--json"];
        let first = [&run[..], &["--now", "2024-02-22T00:00:00Z", "--limit", "10"]].concat();
        small.call(&first).run().expect(0);
        let refused = small.call(&[&run[..], &["--now", "2024-02-23T00:00:00Z"]].concat()).run().expect(2);
        assert!(refused.stderr.contains("another `--now`: 2024-02-22T00:00:00Z"), "{refused}");
        // Today would select nothing.
        let done = small.call(&run).run().expect(0).json();
        let selected = (0..280).filter(|at| at % 28 + 1 >= 15).count();
        assert_eq!(done["entities"][0]["total"]["written"], selected);
        assert_eq!(small.target.query("SELECT min(id), count(*) FROM things")[0][1], Some(selected.to_string()));
        assert_eq!(small.call(&["verify", "--json"]).run().expect(0).json()["differences"], 0);
        fs::write(small.manifest(), fs::read_to_string(small.manifest()).unwrap().replace("7 days", "8 days")).unwrap();
        let refused = small.call(&run).run().expect(2);
        assert!(refused.stderr.contains("another identity") && refused.stderr.contains("8 days"), "{refused}");
    }
    let manifest = THINGS.replace("into =", "where = \"mad > 1\"\ninto =");
    let old = "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT)";
    let small = Small::new(Database::sqlite(), old, &manifest, old);
    let refused = small.call(&["run"]).run().expect(2);
    assert!(refused.stderr.contains("the condition on `things` cannot be used"), "{refused}");
    assert!(
        refused.stderr.contains("no such column: mad") && refused.stderr.contains("migration.toml:16"),
        "{refused}"
    );
}

#[test]
fn rows_that_come_before_the_key_of_a_stopped_run_are_told() {
    let old = "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT);
        WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO things SELECT i, i FROM n";
    let small = Small::new(Database::sqlite(), old, THINGS, "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT)");
    let run = ["run", "--execute", "--yes"];
    small.call(&[&run[..], &["--limit", "50"]].concat()).run().expect(0);
    // One comes before the key, and one goes behind it.
    small.source.execute("INSERT INTO things VALUES (1, 'late'); DELETE FROM things WHERE id = 99");
    let done = small.call(&run).run().expect(0);
    assert!(done.stderr.contains("where 50 rows had been read, 51 stand now"), "{done}");
    let again = small.call(&run).run().expect(1);
    assert!(again.stderr.contains("91 rows, the last 100; where 50 rows had been read, 51 stand now"), "{again}");
    small.call(&[&run[..], &["--accept-change"]].concat()).run().expect(0);
    small.call(&run).run().expect(0);
}

/// What a test knows of a table, without the code under test.
pub struct Table {
    pub name: String,
    /// Names and declared types.
    columns: Vec<(String, String)>,
    key: Vec<String>,
    /// Column, table and column there.
    parents: Vec<[String; 3]>,
}

fn texts<const N: usize>(rows: Vec<Row>) -> Vec<[String; N]> {
    rows.into_iter().map(|row| row.into_iter().map(Option::unwrap).collect::<Vec<_>>().try_into().unwrap()).collect()
}

pub fn tables_of(database: &Database) -> Vec<Table> {
    let is_file = database.file().is_some();
    let names = match is_file {
        true => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
        false => {
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
        }
    };
    let table = |[name]: [String; 1]| {
        let (columns, key, parents) = match is_file {
            true => (
                format!("SELECT name, type FROM pragma_table_info('{name}') ORDER BY cid"),
                format!("SELECT name FROM pragma_table_info('{name}') WHERE pk > 0 ORDER BY pk"),
                format!("SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list('{name}')"),
            ),
            false => (
                format!(
                    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
                     WHERE attrelid = '{name}'::regclass AND attnum > 0 ORDER BY attnum"
                ),
                format!(
                    "SELECT attname FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
                     WHERE conrelid = '{name}'::regclass AND contype = 'p' ORDER BY array_position(conkey, attnum)"
                ),
                format!(
                    "SELECT c.attname, confrelid::regclass::text, p.attname FROM pg_constraint
                     JOIN pg_attribute AS c ON c.attrelid = conrelid AND c.attnum = conkey[1]
                     JOIN pg_attribute AS p ON p.attrelid = confrelid AND p.attnum = confkey[1]
                     WHERE conrelid = '{name}'::regclass AND contype = 'f'"
                ),
            ),
        };
        Table {
            columns: texts(database.query(&columns)).into_iter().map(|[name, declared]| (name, declared)).collect(),
            key: texts::<1>(database.query(&key)).concat(),
            parents: texts(database.query(&parents)),
            name,
        }
    };
    texts(database.query(names)).into_iter().map(table).collect()
}

/// The same tables for another kind of database.
pub fn script(tables: &[Table], is_postgres: bool) -> String {
    let quoted = |names: &[String]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let declared = |declared: &str| match (is_postgres, declared) {
        (true, "BLOB") => "bytea".to_owned(),
        (true, "DATETIME") => "timestamp".to_owned(),
        (true, "REAL") => "double precision".to_owned(),
        _ => declared.to_owned(),
    };
    let mut script = String::new();
    for table in tables {
        let columns = table.columns.iter().map(|(name, kind)| format!("\"{name}\" {}", declared(kind)));
        let parents = table.parents.iter().map(|[column, parent, there]| {
            let deferred = if is_postgres { "" } else { " DEFERRABLE INITIALLY DEFERRED" };
            format!("FOREIGN KEY (\"{column}\") REFERENCES \"{parent}\" (\"{there}\"){deferred}")
        });
        // PostgreSQL wants parents to be there before a key names them.
        let (inside, behind): (Vec<String>, Vec<String>) =
            if is_postgres { (Vec::new(), parents.collect()) } else { (parents.collect(), Vec::new()) };
        let parts: Vec<String> =
            columns.chain([format!("PRIMARY KEY ({})", quoted(&table.key))]).chain(inside).collect();
        script.insert_str(0, &format!("CREATE TABLE \"{}\" ({});\n", table.name, parts.join(", ")));
        script.extend(behind.iter().map(|key| format!("ALTER TABLE \"{}\" ADD {key};\n", table.name)));
    }
    script
}

/// Moves every table as it is, and returns the number of rows.
pub fn move_all(tables: &[Table], source: &Database, target: &Database, schema: &str) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("schema.sql"), schema).unwrap();
    let mut manifest = format!(
        "version = 1\nname = \"all\"\nplugins = {:?}\n[source.old]\nurl = {:?}\n[target]\nurl = {:?}\nschema = \"schema.sql\"\n\
         [defaults]\ntransform = \"sql-to-sql\"\nid = \"keep\"\n",
        root().join("plugins"),
        source.url,
        target.url
    );
    for (index, table) in tables.iter().enumerate() {
        manifest += &format!(
            "[[entity]]\nname = \"e{index}\"\nfrom = {:?}\nkey = {:?}\ninto = [{:?}]\n[entity.config.columns]\n",
            format!("old.{}", table.name),
            table.key,
            table.name
        );
        for (column, _) in &table.columns {
            let parent = table.parents.iter().find(|[child, ..]| child == column);
            let entity = parent.and_then(|[_, parent, _]| tables.iter().position(|table| table.name == *parent));
            manifest += &match entity {
                Some(entity) => format!("{column:?} = {{ from = {column:?}, reference = \"e{entity}\" }}\n"),
                None => format!("{column:?} = {column:?}\n"),
            };
        }
    }
    let path = folder.path().join("migration.toml");
    fs::write(&path, manifest).unwrap();
    let path = path.display().to_string();
    let predicted = Whimbrel::new(["run", path.as_str(), "--json"]).run().expect(0).json();
    let done = Whimbrel::new(["run", path.as_str(), "--execute", "--yes", "--json"]).run().expect(0).json();
    assert_eq!(moved(&predicted), moved(&done));
    let verified = Whimbrel::new(["verify", path.as_str(), "--json"]).run().expect(0).json();
    assert_eq!(verified["differences"], 0);
    moved(&done)
}

#[test]
fn northwind_goes_to_the_other_database_and_comes_back() {
    let Some(data) = shared_data("northwind") else { return };
    let Some(postgres) = Database::postgres() else { return };
    components::plugins();
    let sqlite = Database::sqlite();
    sqlite.execute(&fs::read_to_string(data.join("jpwhite3-sqlite-create.sql")).unwrap());
    postgres.execute(&fs::read_to_string(data.join("pthom-northwind_psql.sql")).unwrap());
    for (original, between, rows) in [(&sqlite, postgres.another(), 3_310), (&postgres, Database::sqlite(), 3_362)] {
        let returned = original.another();
        let tables = tables_of(original);
        let is_postgres = |database: &Database| database.file().is_none();
        assert_eq!(move_all(&tables, original, &between, &script(&tables, is_postgres(&between))), rows);
        let back = script(&tables, is_postgres(original));
        assert_eq!(move_all(&tables, &between, &returned, &back), rows);
        for table in &tables {
            let key: Vec<String> = table.key.iter().map(|key| format!("\"{key}\"")).collect();
            let all = format!("SELECT * FROM \"{}\" ORDER BY {}", table.name, key.join(", "));
            let mut expected = original.query(&all);
            for value in expected.iter_mut().flatten().flatten() {
                // This edition writes thousandths of a second that are none.
                if let Some(whole) = value.strip_suffix(":00.000") {
                    *value = format!("{whole}:00");
                }
            }
            same_rows(&table.name, &returned.query(&all), &expected);
        }
    }
}
