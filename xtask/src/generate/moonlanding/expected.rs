//! What the target must hold, written beside the source as JSON lines, a file for each table. It comes from what the
//! generator meant, not from the documents in which it is written in so many shapes.
//!
//! A line is a row: a column's name and its value. Text and whole numbers stand for themselves (a boolean is 0 or 1); the
//! other forms are `{"double": bits as hexadecimal digits}`, `{"instant": ISO 8601}`, `{"row": natural key of the row it
//! refers to}`, `{"email": up to case and blanks}` and `{"json": a value whose doubles are in this form}`.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use super::moment;
use super::value::Value;

/// Columns of one row with their values.
pub(super) type Row = Vec<(&'static str, Json)>;

/// The natural key of each table, by which its rows are told apart without the ids that a run computes.
pub(super) const KEYS: &[(&str, &[&str])] = &[
    ("users", &["legacy_path"]),
    ("teams", &["legacy_path"]),
    ("team_members", &["team_id", "user_id"]),
    ("team_partners", &["team_id", "user_id"]),
    ("clients", &["legacy_path"]),
    ("client_users", &["client_id", "user_id"]),
    ("engagement_types", &["legacy_path"]),
    ("engagements", &["legacy_path"]),
    ("engagement_users", &["engagement_id", "user_id"]),
    ("rfi_sections", &["legacy_path"]),
    ("rfis", &["legacy_path"]),
    ("rfi_users", &["rfi_id", "user_id"]),
    ("rfi_questions", &["legacy_path"]),
    ("rfi_responses", &["rfi_id", "legacy_id"]),
    ("files", &["rfi_id", "position"]),
    ("messages", &["legacy_path"]),
    ("activity_logs", &["legacy_path"]),
    ("review_templates", &["legacy_path"]),
    ("template_sections", &["template_id", "position"]),
    ("reviews", &["legacy_path"]),
    ("flags", &["review_id", "position"]),
    ("collaborators", &["review_id", "position"]),
    ("review_users", &["review_id", "user_id"]),
    ("highlights", &["review_id", "legacy_id"]),
    ("highlight_responses", &["highlight_id", "legacy_id"]),
    ("removed_highlights", &["legacy_path"]),
    ("checklists", &["legacy_path"]),
    ("checklist_items", &["checklist_id", "legacy_id"]),
    ("emails", &["legacy_path"]),
    ("permission_audit", &["legacy_path"]),
];

/// The files while they are written.
pub(super) struct Expected {
    dir: PathBuf,
    files: BTreeMap<&'static str, BufWriter<File>>,
    /// Rows by table.
    pub(super) rows: BTreeMap<&'static str, u64>,
    merges: BufWriter<File>,
    by_name: BufWriter<File>,
}

impl Expected {
    /// Begins a folder, which is made anew.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(dir)?,
        }
        let mut files = BTreeMap::new();
        for (table, _) in KEYS {
            files.insert(*table, BufWriter::new(File::create(dir.join(format!("{table}.jsonl")))?));
        }
        let merges = BufWriter::new(File::create(dir.join("merges.jsonl"))?);
        let by_name = BufWriter::new(File::create(dir.join("clients-by-name.jsonl"))?);
        let rows = KEYS.iter().map(|(table, _)| (*table, 0)).collect();
        Ok(Self { dir: dir.to_owned(), files, rows, merges, by_name })
    }

    /// Writes a row; an unknown table is a mistake of the generator.
    pub(super) fn row(&mut self, table: &'static str, row: Row) -> io::Result<()> {
        let file = self.files.get_mut(table).ok_or_else(|| io::Error::other(format!("no table `{table}`")))?;
        let row: Map<String, Json> = row.into_iter().map(|(column, value)| (column.to_owned(), value)).collect();
        write_line(file, &Json::Object(row))?;
        *self.rows.entry(table).or_default() += 1;
        Ok(())
    }

    /// Writes who are one person, the survivor first.
    pub(super) fn merge(&mut self, email: &str, members: &[String]) -> io::Result<()> {
        write_line(&mut self.merges, &json!({ "email": email, "survivor": members[0], "merged": members[1..] }))
    }

    /// Writes which client an engagement means that only says a name: nobody if none has it, or several.
    pub(super) fn by_name(&mut self, engagement: &str, name: &str, clients: &[String]) -> io::Result<()> {
        write_line(&mut self.by_name, &json!({ "engagement": engagement, "name": name, "clients": clients }))
    }

    /// Writes the natural keys, and the counts of everything.
    pub(super) fn finish(mut self, counts: &Json) -> io::Result<()> {
        let keys: Map<String, Json> = KEYS.iter().map(|(table, key)| ((*table).to_owned(), json!(key))).collect();
        fs::write(self.dir.join("keys.json"), format!("{:#}\n", Json::Object(keys)))?;
        fs::write(self.dir.join("counts.json"), format!("{counts:#}\n"))?;
        self.merges.flush()?;
        self.by_name.flush()?;
        self.files.values_mut().try_for_each(Write::flush)
    }
}

fn write_line(file: &mut BufWriter<File>, line: &Json) -> io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}

/// A double, bit for bit.
pub(super) fn double(double: f64) -> Json {
    json!({ "double": format!("{:016x}", double.to_bits()) })
}

/// An instant.
pub(super) fn instant(micros: i64) -> Json {
    json!({ "instant": moment::iso(micros) })
}

/// The row of a record: its path, or the natural key.
pub(super) fn row(key: impl Into<Json>) -> Json {
    json!({ "row": key.into() })
}

/// A value as JSON text.
pub(super) fn json_text(value: &Value) -> Json {
    json!({ "json": within(value) })
}

fn within(value: &Value) -> Json {
    match value {
        Value::Bool(is) => (*is).into(),
        Value::Integer(integer) => (*integer).into(),
        Value::Double(value) => double(*value),
        Value::Timestamp(micros) => moment::iso(*micros).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Reference(path) => path.as_str().into(),
        Value::Point(latitude, longitude) => json!({ "latitude": double(*latitude), "longitude": double(*longitude) }),
        Value::Array(values) => values.iter().map(within).collect(),
        Value::Map(fields) => fields.iter().map(|(name, value)| (name.to_string(), within(value))).collect(),
        Value::Null | Value::Bytes(_) => Json::Null,
    }
}
