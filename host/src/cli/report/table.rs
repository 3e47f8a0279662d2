//! Tables for a terminal: columns as narrow as their words, and what is long on lines of its own.

use std::fmt::Write as _;

/// Columns of an ordinary terminal.
const COLUMNS: usize = 80;

/// Writes lines in columns; numbers to the right.
pub(super) fn table(text: &mut String, head: &[&str], rows: Vec<Vec<String>>) {
    table_with_notes(text, head, rows.into_iter().map(|row| (row, Vec::new())).collect());
}

/// The same, with sentences below each line: in a column they would break every line of an ordinary terminal.
pub(super) fn table_with_notes(text: &mut String, head: &[&str], rows: Vec<(Vec<String>, Vec<String>)>) {
    let head: Vec<String> = head.iter().map(|&name| name.to_owned()).collect();
    let cells = |column: usize| rows.iter().map(move |(row, _)| &row[column]);
    let columns: Vec<(usize, bool)> = (0..head.len())
        .map(|column| {
            let width = cells(column).chain([&head[column]]).map(|cell| cell.chars().count()).max().unwrap_or(0);
            (width, cells(column).all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok()))
        })
        .collect();
    let mut line = |row: &[String], notes: &[String]| {
        let mut out = String::from(" ");
        for (cell, (width, is_number)) in row.iter().zip(&columns) {
            let _ = if *is_number { write!(out, " {cell:>width$}") } else { write!(out, " {cell:<width$}") };
        }
        let _ = writeln!(text, "{}", out.trim_end());
        for note in notes {
            let _ = writeln!(text, "      {}", note.replace('\n', "\n      "));
        }
    };
    line(&head, &[]);
    rows.iter().for_each(|(row, notes)| line(row, notes));
}

/// Writes a table of counts without the columns that are zero in every line, but for those that say something even so.
pub(super) fn counts(text: &mut String, head: &[&str], always: &[&str], rows: Vec<Vec<String>>) {
    let is_shown = |column: &usize| {
        always.contains(&head[*column])
            || rows.is_empty()
            || rows.iter().any(|row| !["0", ""].contains(&row[*column].as_str()))
    };
    let shown: Vec<usize> = (0..head.len()).filter(is_shown).collect();
    let head: Vec<&str> = shown.iter().map(|&column| head[column]).collect();
    let rows = rows.into_iter().map(|mut row| shown.iter().map(|&column| std::mem::take(&mut row[column])).collect());
    table(text, &head, rows.collect());
}

/// Writes names behind some words, with commas, and breaks the line before a terminal does.
pub(super) fn list(text: &mut String, words: &str, names: &[impl AsRef<str>]) {
    let indent = words.chars().take_while(|character| *character == ' ').count() + 2;
    let mut line = words.to_owned();
    for (index, name) in names.iter().enumerate() {
        let comma = if index + 1 < names.len() { "," } else { "" };
        let name = format!(" {}{comma}", name.as_ref());
        if line.chars().count() + name.chars().count() > COLUMNS {
            let _ = writeln!(text, "{line}");
            line = " ".repeat(indent - 1);
        }
        line.push_str(&name);
    }
    let _ = writeln!(text, "{line}");
}
