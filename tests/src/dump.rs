//! A target's content as sorted text, so that two targets can be compared and one can be kept in a file.
//!
//! What differs between two runs of the same migration is left out: times, run ids, numbers of dead letters, how the
//! records were cut into commits, digests of components.

use std::fmt::Write as _;

use crate::database::Database;

/// Returns everything that a migration left in a target.
pub fn all(database: &Database) -> String {
    format!("{}{}", tables(database), bookkeeping(database))
}

/// Returns the rows of every table that is not whimbrel's own.
pub fn tables(database: &Database) -> String {
    let names = match database.kind() {
        "sqlite" => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'
             AND name NOT LIKE 'whimbrel~_%' ESCAPE '~' ORDER BY name"
        }
        _ => {
            "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'
             AND table_schema NOT IN ('pg_catalog', 'information_schema', 'whimbrel') ORDER BY table_name COLLATE \"C\""
        }
    };
    let mut text = String::new();
    for name in column(database.query(names)) {
        let columns = match database.kind() {
            "sqlite" => format!("SELECT name FROM pragma_table_info('{}')", name.replace('\'', "''")),
            _ => format!(
                "SELECT column_name FROM information_schema.columns WHERE table_name = '{}'
                 AND table_schema <> 'whimbrel' ORDER BY ordinal_position",
                name.replace('\'', "''")
            ),
        };
        let columns = column(database.query(&columns));
        let quoted: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        let shown: Vec<String> = match database.kind() {
            "sqlite" => quoted,
            _ => quoted.iter().map(|column| format!("{column}::text")).collect(),
        };
        let shown: Vec<String> =
            shown.iter().enumerate().map(|(index, column)| format!("{column} AS c{index}")).collect();
        let rows = database.query(&format!("SELECT {} FROM {}", shown.join(", "), quote(&name)));
        section(&mut text, &format!("{name}: {}", columns.join(", ")), rows);
    }
    text
}

/// Returns what whimbrel keeps: states and fates, dead letters with their originals, references that were nulled.
pub fn bookkeeping(database: &Database) -> String {
    let mut text = String::new();
    if !has_bookkeeping(database) {
        return text;
    }
    let own = |name: &str| database.own(name);
    text.push_str(&checkpoints(database));
    let letters = format!(
        "SELECT entity, provisional, document, position, key, stage, code, field, message, plugin, format, original
         FROM {} WHERE state <> 'replayed'",
        own("dead_letter")
    );
    let letters = database.query(&letters).into_iter().map(|mut letter| {
        let original = letter.pop().flatten().unwrap();
        let is_bson = letter.pop().flatten().unwrap() == "bson";
        letter.push(Some(readable(is_bson, &original)));
        letter
    });
    section(&mut text, "(dead letters)", letters.collect());
    for (title, name) in [("(nulled references)", "nulled_reference"), ("(deferred references)", "deferred_reference")]
    {
        let sql = format!(
            "SELECT entity, target_table, row_key, column_name, parent_entity, parent_key, refusal FROM {}",
            own(name)
        );
        let references = database.query(&sql).into_iter().map(|mut reference| {
            reference.pop_if(|refusal| refusal.is_none());
            reference
        });
        section(&mut text, title, references.collect());
    }
    let waiting = format!("SELECT target_table, entity, document, record_key FROM {}", own("deferred_row"));
    section(&mut text, "(deferred rows)", database.query(&waiting));
    let left_out = format!(
        "SELECT target_table, reason, entity, document, record_key, row_key, column_name, why FROM {}",
        own("left_out_row")
    );
    section(&mut text, "(rows left out)", database.query(&left_out));
    section(&mut text, "(stored ids)", database.query(&format!("SELECT entity, key, id FROM {}", own("id_map"))));
    text
}

/// Returns where every entity stands.
pub fn checkpoints(database: &Database) -> String {
    let mut text = String::new();
    if has_bookkeeping(database) {
        let sql = format!("SELECT entity, state, document, fates, rows FROM {}", database.own("checkpoint"));
        section(&mut text, "(checkpoints)", database.query(&sql));
    }
    text
}

fn has_bookkeeping(database: &Database) -> bool {
    let sql = match database.kind() {
        "sqlite" => "SELECT 1 AS one FROM sqlite_schema WHERE name = 'whimbrel_checkpoint'",
        _ => "SELECT 1 AS one FROM information_schema.tables WHERE table_schema = 'whimbrel'",
    };
    database.file().is_none_or(std::path::Path::exists) && !database.query(sql).is_empty()
}

/// An original that is whole BSON as Extended JSON, anything else as the hexadecimal digits it is kept in.
fn readable(is_bson: bool, original: &str) -> String {
    let digits = original.trim_start_matches("\\x");
    let bytes: Vec<u8> =
        (0..digits.len() / 2).map(|index| u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).unwrap()).collect();
    if is_bson {
        match bson::Document::from_reader(bytes.as_slice()) {
            Ok(document) => bson::Bson::Document(document).into_canonical_extjson().to_string(),
            Err(_) => original.to_owned(),
        }
    } else {
        String::from_utf8(bytes).unwrap_or_else(|_| original.to_owned())
    }
}

fn section(text: &mut String, title: &str, rows: Vec<Vec<Option<String>>>) {
    let mut lines: Vec<String> = rows
        .into_iter()
        .map(|row| {
            let cells: Vec<String> = row.into_iter().map(|cell| cell.map_or("\\N".to_owned(), escaped)).collect();
            cells.join("\t")
        })
        .collect();
    if lines.is_empty() && title.starts_with('(') {
        return;
    }
    lines.sort();
    let _ = writeln!(text, "## {title}");
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    text.push('\n');
}

fn escaped(text: String) -> String {
    // A blob begins with a backslash that is not text's.
    if text.starts_with("\\x") { text } else { text.replace('\\', "\\\\") }
        .replace('\n', "\\n")
        .replace('\t', "\\t")
        .replace('\r', "\\r")
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn column(rows: Vec<Vec<Option<String>>>) -> Vec<String> {
    rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}
