//! How single records are shown: a line a column, with the source field that it is made of.

use std::fmt::Write as _;

use super::table::table;
use crate::run::report::Report;
use crate::run::shown::Before;
use crate::run::shown::Change;
use crate::run::shown::ShownRecord;

/// Characters of a value; the JSON report has all of them.
const VALUE_CHARS_MAX: usize = 48;

/// Writes the records that were asked for, and what takes another form.
pub(super) fn shown(text: &mut String, report: &Report) {
    for entity in &report.entities {
        let Some(shown) = &entity.shown else { continue };
        for record in &shown.records {
            write_record(text, &entity.name, record);
        }
        if !shown.changes.is_empty() {
            let _ = writeln!(text, "\nof `{}`, what takes another form (`!`: it cannot be got back):", entity.name);
            table(text, &["", "count", "column", "change", "such as"], shown.changes.iter().map(change).collect());
        }
    }
}

fn change(change: &Change) -> Vec<String> {
    let example =
        format!("{} → {} (document {})", cut(&change.before), after(change.after.as_deref()), change.document);
    let lossy = if change.is_lossy { "!" } else { "" };
    vec![
        lossy.to_owned(),
        change.count.to_string(),
        format!("{}.{}", change.table, change.column),
        change.change.clone(),
        example,
    ]
}

fn write_record(text: &mut String, entity: &str, record: &ShownRecord) {
    let key = record.key.as_deref().map(|key| format!(", key `{key}`")).unwrap_or_default();
    let _ = writeln!(text, "\n`{entity}`, document {} ({}){key}: {}", record.document, record.position, record.fate);
    if let Some(reason) = &record.reason {
        let _ = writeln!(text, "  {reason}");
    }
    let mut lines: Vec<Vec<String>> = Vec::new();
    for row in &record.rows {
        for column in &row.columns {
            let (first, more) = match column.before.split_first() {
                Some((first, more)) => (line(first), more),
                None => (["-".to_owned(), String::new(), String::new()], &[][..]),
            };
            let place = format!("{}.{}", row.table, column.column);
            let now = [
                place,
                column.declared.clone(),
                after(column.after.as_deref()),
                column.change.clone().unwrap_or_default(),
            ];
            lines.push(first.into_iter().chain(now).collect());
            lines.extend(more.iter().map(|before| {
                line(before).into_iter().chain(std::array::from_fn::<_, 4, _>(|_| String::new())).collect()
            }));
        }
    }
    for other in &record.others {
        let nowhere = if record.rows.is_empty() { "" } else { "-" };
        let now = [nowhere.to_owned(), String::new(), String::new(), String::new()];
        lines.push(line(other).into_iter().chain(now).collect());
    }
    let head = ["field", "type", "before", "column", "type", "after", "change"];
    let used = (0..head.len()).filter(|&column| lines.iter().any(|line| !line[column].is_empty()));
    let used: Vec<usize> = used.collect();
    let head: Vec<&str> = used.iter().map(|&column| head[column]).collect();
    let pick = |line: Vec<String>| used.iter().map(|&column| line[column].clone()).collect();
    table(text, &head, lines.into_iter().map(pick).collect());
}

fn line(before: &Before) -> [String; 3] {
    let value = before.value.as_deref().map(cut).unwrap_or_default();
    [before.field.clone(), before.kind.to_owned(), value]
}

fn after(value: Option<&str>) -> String {
    value.map_or_else(|| "NULL".to_owned(), cut)
}

/// A value on one line, as much of it as a line takes.
fn cut(value: &str) -> String {
    let shown: String = value.chars().take(VALUE_CHARS_MAX).map(|c| if c.is_control() { '·' } else { c }).collect();
    if value.chars().nth(VALUE_CHARS_MAX).is_some() { format!("{shown}…") } else { shown }
}
