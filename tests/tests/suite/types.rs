//! What becomes of values on their way between databases, type by type: `docs/types.md` is written from what is seen here, so
//! it says what is so. `WHIMBREL_BLESS=1` writes it; read it before you keep it.

mod documents;
mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use whimbrel_tests::Database;
use whimbrel_tests::components;
use whimbrel_tests::root;
use whimbrel_tests::shared_data;

use self::values::Column;
use super::tables;
use super::tables::Small;

const HEAD: &str = "# Types

What becomes of values, type by type. A test moves them (`tests/tests/suite/types.rs`), looks at what arrives, and compares this page
with what it has seen; values of their own are named where they do not come through.

A value that does not fit is never rounded, cut or replaced: it is refused, and its record becomes a dead letter with the code that
is given here. \"Lossless\" is text for text: what the database writes for the value before and after is the same.
";

#[test]
fn the_page_about_types_says_what_is_so() {
    let Some(postgres) = Database::postgres() else { return };
    let mut page = HEAD.to_owned();
    from_postgres(&mut page, postgres);
    from_sqlite(&mut page);
    documents::section(&mut page);
    let file = root().join("docs/types.md");
    if std::env::var_os("WHIMBREL_BLESS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    for (kept, seen) in kept.lines().zip(page.lines()) {
        assert_eq!(kept, seen, "docs/types.md says otherwise than what is seen; `WHIMBREL_BLESS=1` writes it anew");
    }
    assert_eq!(kept, page);
}

#[test]
fn the_types_of_another_project_are_copied() {
    let Some(data) = shared_data("transferia-canon") else { return };
    let Some(source) = Database::postgres() else { return };
    components::plugins();
    for file in ["array_types", "date_types", "numeric_types", "text_types"] {
        source.execute(&fs::read_to_string(data.join(format!("canon/postgres/dump/{file}.sql"))).unwrap());
    }
    let tables = tables::tables_of(&source);
    assert_eq!(tables.len(), 4);
    let target = source.another();
    let kinds = "CREATE TYPE my_enum_type AS ENUM ('VALUE_ONE', 'VALUE_TWO', 'VALUE_THREE');\n";
    let schema = format!("{kinds}{}", tables::script(&tables, true));
    assert!(tables::move_all(&tables, &source, &target, &schema) >= 4);
    for table in &tables {
        let all = format!("SELECT t::text FROM \"{}\" AS t ORDER BY 1", table.name);
        assert_eq!(target.query(&all), source.query(&all), "{}", table.name);
    }
}

/// What each row of each table holds, by table and id.
type Held = BTreeMap<(usize, usize), String>;

/// Why a row did not arrive, by table and id.
type Refused = BTreeMap<(usize, usize), String>;

fn from_postgres(page: &mut String, source: Database) {
    let columns = values::of_postgres();
    let schema = values::schema(&columns, |column| &column.declared);
    source.execute(&schema);
    source.execute(&values::inserts(&columns));
    let before = held(&source, &columns);

    let there = Small { target: source.another(), ..Small::new(source, "", &entities(&columns, |_| None), &schema) };
    let refused = moved(&there);
    let copied = verdicts(&columns, &before, &held(&there.target, &columns), &refused);

    let files = values::schema(&columns, |column| &column.other);
    let out = Small::new(there.source, "", &entities(&columns, |column| column.out.as_deref()), &files);
    let mut refused = moved(&out);
    let again = Database::postgres().expect("the server was there a moment ago");
    let back = Small {
        target: again,
        ..Small::new(out.target, "", &entities(&columns, |column| column.back.as_deref()), &schema)
    };
    refused.extend(moved(&back));
    let returned = verdicts(&columns, &before, &held(&back.target, &columns), &refused);

    page.push_str("\n## From PostgreSQL\n\nThrough SQLite means to a column of this declared type, and back again; `as` on the way where a cast is needed.\n\n");
    page.push_str("| type | tried | to PostgreSQL | through SQLite |\n| --- | --- | --- | --- |\n");
    for ((column, copied), returned) in columns.iter().zip(copied).zip(returned) {
        let casts: Vec<String> = [(&column.out, "out"), (&column.back, "back")]
            .into_iter()
            .filter_map(|(cast, way)| cast.as_ref().map(|cast| format!("`as = \"{cast}\"` {way}")))
            .collect();
        let how = if casts.is_empty() { String::new() } else { format!(" ({})", casts.join(", ")) };
        let tried: Vec<String> = column.values.iter().map(|value| shown(value)).collect();
        let _ = writeln!(
            page,
            "| `{}` | {} | {copied} | `{}`{how}: {returned} |",
            column.declared,
            tried.join(", "),
            column.other
        );
    }
    page.push_str(values::NOTES);
}

fn from_sqlite(page: &mut String) {
    let columns = values::of_sqlite();
    let schema = values::schema(&columns, |column| &column.declared);
    let source = Database::sqlite();
    source.execute(&schema);
    source.execute(&values::inserts(&columns));
    let before = held(&source, &columns);
    let Some(postgres) = Database::postgres() else { return };
    let out = values::schema(&columns, |column| &column.other);
    let there =
        Small { target: postgres, ..Small::new(source, "", &entities(&columns, |column| column.out.as_deref()), &out) };
    let mut refused = moved(&there);
    let back = Small::new(there.target, "", &entities(&columns, |column| column.back.as_deref()), &schema);
    refused.extend(moved(&back));
    let returned = verdicts(&columns, &before, &held(&back.target, &columns), &refused);
    page.push_str("\n## From SQLite\n\nWhat is compared is what is stored, storage class and all.\n\n");
    page.push_str("| declared | tried | through PostgreSQL |\n| --- | --- | --- |\n");
    for (column, returned) in columns.iter().zip(returned) {
        let tried: Vec<String> = column.values.iter().map(|value| shown(value)).collect();
        let _ = writeln!(page, "| `{}` | {} | `{}`: {returned} |", column.declared, tried.join(", "), column.other);
    }
}

/// One entity a table.
fn entities(columns: &[Column], cast: impl Fn(&Column) -> Option<&str>) -> String {
    let entity = |(table, column): (usize, &Column)| {
        let value = match cast(column) {
            Some(cast) => format!("{{ from = \"v\", as = \"{cast}\" }}"),
            None => "\"v\"".to_owned(),
        };
        format!(
            "[[entity]]\nname = \"t{table}\"\nfrom = \"old.t{table}\"\nkey = \"id\"\ninto = [\"t{table}\"]\nallow-empty = [\"t{table}\"]\n\
             dead-letters-max = \"100%\"\nconfig.columns = {{ id = \"id\", v = {value} }}\n"
        )
    };
    columns.iter().enumerate().map(entity).collect()
}

/// Runs it, and returns why rows did not arrive. Every other one stands there as it was written.
fn moved(small: &Small) -> Refused {
    let done = small.call(&["run", "--execute", "--yes", "--json"]).run();
    assert!(matches!(done.code, Some(0 | 3)), "{done}");
    let verified = small.call(&["verify", "--json"]).run();
    assert!(matches!(verified.code, Some(0 | 3)), "{verified}");
    assert_eq!(verified.json()["differences"], 0, "{verified}");
    let own = if small.target.file().is_some() { "whimbrel_dead_letter" } else { "whimbrel.dead_letter" };
    let letters = small.target.query(&format!("SELECT entity, key, code FROM {own}"));
    let letter = |row: Vec<Option<String>>| {
        let [Some(entity), Some(key), Some(code)] = &row[..] else { panic!("a letter without a key: {row:?}") };
        ((entity[1..].parse().unwrap(), key[1..].parse().unwrap()), code.clone())
    };
    letters.into_iter().map(letter).collect()
}

/// What the database itself says of every value.
fn held(database: &Database, columns: &[Column]) -> Held {
    let text = match database.file() {
        Some(_) => "typeof(v) || ' ' || CASE typeof(v) WHEN 'real' THEN printf('%!.17g', v) ELSE quote(v) END",
        None => "CASE WHEN v IS DISTINCT FROM NULL THEN format('%s', v) ELSE 'NULL' END",
    };
    let mut held = Held::new();
    for table in 0..columns.len() {
        for row in database.query(&format!("SELECT id, {text} FROM t{table}")) {
            held.insert((table, row[0].as_ref().unwrap().parse().unwrap()), row[1].clone().unwrap_or_default());
        }
    }
    held
}

/// Says of each column what has not come through as it was.
fn verdicts(columns: &[Column], before: &Held, after: &Held, refused: &Refused) -> Vec<String> {
    let verdict = |(table, column): (usize, &Column)| {
        let mut other: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, value) in column.values.iter().enumerate() {
            let what = match (refused.get(&(table, id)), after.get(&(table, id))) {
                (Some(code), _) => format!("refused (`{code}`)"),
                (None, Some(after)) if *after == before[&(table, id)] => continue,
                (None, Some(after)) => format!("becomes {}", shown(after)),
                (None, None) => panic!("{} of `{}` is nowhere", value, column.declared),
            };
            other.entry(what).or_default().push(shown(value));
        }
        let parts: Vec<String> =
            other.into_iter().map(|(what, values)| format!("{} {what}", values.join(", "))).collect();
        match parts.len() {
            0 => "lossless".to_owned(),
            _ => format!("lossless but {}", parts.join("; ")),
        }
    };
    columns.iter().enumerate().map(verdict).collect()
}

/// A value in a cell of a table.
fn shown(value: &str) -> String {
    const CHARS_MAX: usize = 70;
    let value = match value.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    };
    let value = value.replace('|', "\\|").replace('\n', "⏎").replace('\t', "⇥");
    if value.is_empty() { "empty".to_owned() } else { format!("`{value}`") }
}
