//! How values go into statements and rows into own tables, and how they come back.

use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// Rows that one statement is about. Few sizes, as a target keeps each statement prepared.
const ROWS_A_STATEMENT: [usize; 3] = [64, 8, 1];
/// Bytes of values that are added at once, about.
const APPENDED_BYTES_MAX: usize = 1 << 20;

/// Adds rows to an own table, a bounded part of them at once.
pub(super) async fn append<T>(
    tx: &mut dyn Transaction,
    table: &str,
    columns: &str,
    items: &[T],
    row: impl Fn(&T) -> Vec<Value>,
) -> Result<(), TargetError> {
    let mut items = items.iter().peekable();
    while items.peek().is_some() {
        let mut rows: Vec<Vec<Value>> = Vec::new();
        let mut bytes = 0;
        while let Some(item) = items.next_if(|_| bytes < APPENDED_BYTES_MAX) {
            let row = row(item);
            bytes += row.iter().map(bytes_of).sum::<usize>();
            rows.push(row);
        }
        tx.append(table, columns, &rows).await?;
    }
    Ok(())
}

/// Parts what one statement each is to be about: few sizes, as above.
pub(super) fn parts<T>(mut items: &[T]) -> Vec<&[T]> {
    let mut parts = Vec::new();
    for size in ROWS_A_STATEMENT {
        while items.len() >= size {
            let (part, rest) = items.split_at(size);
            parts.push(part);
            items = rest;
        }
    }
    parts
}

/// Adds parameters to a statement and returns their places, with commas.
pub(super) fn places(parameters: &mut Vec<Value>, values: impl Iterator<Item = Value>) -> String {
    let before = parameters.len();
    parameters.extend(values);
    let places: Vec<String> = (before + 1..=parameters.len()).map(|place| format!("${place}")).collect();
    places.join(", ")
}

fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 8,
    }
}

/// Takes the columns of one row in order; these tables are our own, so a wrong type reads as empty.
pub(super) struct Columns(std::vec::IntoIter<Value>);

impl Columns {
    pub(super) fn new(row: Vec<Value>) -> Self {
        Self(row.into_iter())
    }

    pub(super) fn optional(&mut self) -> Option<String> {
        match self.0.next() {
            Some(Value::Text(text)) => Some(text.into()),
            _ => None,
        }
    }

    pub(super) fn text(&mut self) -> String {
        self.optional().unwrap_or_default()
    }

    pub(super) fn integer(&mut self) -> i64 {
        match self.0.next() {
            Some(Value::Integer(value)) => value,
            _ => 0,
        }
    }

    pub(super) fn unsigned(&mut self) -> u64 {
        u64::try_from(self.integer()).unwrap_or(0)
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
        match self.0.next() {
            Some(Value::Bytes(bytes)) => bytes,
            _ => Vec::new(),
        }
    }
}

pub(super) fn text(value: &str) -> Value {
    // PostgreSQL's text holds no NUL; a message that quotes one shows it instead.
    if value.contains('\0') { Value::Text(value.replace('\0', "\\0").into()) } else { Value::Text(value.into()) }
}

pub(super) fn optional(value: Option<&str>) -> Value {
    value.map_or(Value::Null, text)
}

pub(super) fn integer(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("counts are plain maps of integers")
}
