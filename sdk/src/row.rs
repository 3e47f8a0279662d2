//! A row for a target table, written straight as BSON in the contract's forms.

use crate::Decimal;
use crate::bson::Kind;
use crate::bson::Raw;
use crate::bson::append;

/// One row. A column that is never written is NULL; write none twice.
///
/// Column names are the description's; one that holds a NUL byte makes the row malformed.
///
/// ```
/// use whimbrel_sdk::Row;
/// let mut row = Row::new(0);
/// row.text("name", "Ada").integer("born", 1815).day("birthday", "1815-12-10");
/// assert_eq!(row.table(), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    table: u32,
    /// A document whose length and end are not written yet.
    body: Vec<u8>,
}

impl Row {
    /// Starts an empty row for the table of this index in the description.
    pub fn new(table: u32) -> Self {
        Self::with_capacity(table, 256)
    }

    /// Starts an empty row with room for a body of this many bytes.
    pub fn with_capacity(table: u32, bytes: usize) -> Self {
        let mut body = Vec::with_capacity(bytes.max(5));
        body.extend_from_slice(&[0; 4]);
        Self { table, body }
    }

    /// Returns the table's index in the description.
    pub fn table(&self) -> u32 {
        self.table
    }

    /// Returns the finished body, a BSON document.
    pub fn into_body(mut self) -> Vec<u8> {
        close(&mut self.body, 0);
        self.body
    }

    /// Adds the finished body to others.
    #[cfg(target_family = "wasm")]
    pub(crate) fn append_to(mut self, bodies: &mut Vec<u8>) {
        close(&mut self.body, 0);
        bodies.extend_from_slice(&self.body);
    }

    /// Writes a source value as it is: null, bool, number, text, ObjectId, date, Decimal128, or Binary of subtype 0 or 4.
    /// The host refuses a row with any other kind.
    pub fn raw(&mut self, column: &str, value: Raw<'_>) -> &mut Self {
        self.put(value.kind(), column, value.bytes())
    }

    /// Writes NULL, which leaving the column out does as well.
    pub fn null(&mut self, column: &str) -> &mut Self {
        self.put(Kind::Null, column, &[])
    }

    /// Writes text.
    pub fn text(&mut self, column: &str, text: &str) -> &mut Self {
        self.name(Kind::Text, column);
        put_text(&mut self.body, text);
        self
    }

    /// Writes an integer.
    pub fn integer(&mut self, column: &str, value: i64) -> &mut Self {
        self.put(Kind::Int64, column, &value.to_le_bytes())
    }

    /// Writes a 64-bit floating point number.
    pub fn double(&mut self, column: &str, value: f64) -> &mut Self {
        self.put(Kind::Double, column, &value.to_le_bytes())
    }

    /// Writes a boolean.
    pub fn bool(&mut self, column: &str, value: bool) -> &mut Self {
        self.put(Kind::Bool, column, &[u8::from(value)])
    }

    /// Writes a decimal, exactly.
    pub fn decimal(&mut self, column: &str, value: &Decimal) -> &mut Self {
        match value.to_decimal128() {
            Some(bytes) => self.put(Kind::Decimal128, column, &bytes),
            None => self.form(column, "$decimal", &value.to_string()),
        }
    }

    /// Writes an instant in milliseconds since 1970-01-01T00:00:00Z.
    pub fn instant(&mut self, column: &str, milliseconds: i64) -> &mut Self {
        self.put(Kind::Date, column, &milliseconds.to_le_bytes())
    }

    /// Writes an instant finer than a millisecond, as RFC 3339 in UTC with at most microseconds:
    /// `2024-01-31T12:00:00.123456Z`.
    pub fn instant_text(&mut self, column: &str, instant: &str) -> &mut Self {
        self.form(column, "$instant", instant)
    }

    /// Writes an instant like [`instant_text`](Self::instant_text), for a column with a zone only: one without takes other
    /// instants as UTC.
    pub fn zoned(&mut self, column: &str, instant: &str) -> &mut Self {
        self.form(column, "$zoned", instant)
    }

    /// Writes a timestamp without a zone: `2024-01-31T12:00:00.123456`.
    pub fn local_timestamp(&mut self, column: &str, timestamp: &str) -> &mut Self {
        self.form(column, "$localTimestamp", timestamp)
    }

    /// Writes a calendar day: `2024-01-31`.
    pub fn day(&mut self, column: &str, day: &str) -> &mut Self {
        self.form(column, "$day", day)
    }

    /// Writes a time of day: `12:00:00.123456`.
    pub fn time(&mut self, column: &str, time: &str) -> &mut Self {
        self.form(column, "$time", time)
    }

    /// Writes a UUID by its 16 bytes.
    pub fn uuid(&mut self, column: &str, uuid: [u8; 16]) -> &mut Self {
        self.binary(column, 4, &uuid)
    }

    /// Writes bytes.
    pub fn bytes(&mut self, column: &str, bytes: &[u8]) -> &mut Self {
        self.binary(column, 0, bytes)
    }

    /// Writes JSON, given as JSON text.
    pub fn json(&mut self, column: &str, json: &str) -> &mut Self {
        self.form(column, "$json", json)
    }

    /// Writes what a database has written for a value that no other form says, such as `infinity` for a timestamp.
    pub fn literal(&mut self, column: &str, text: &str) -> &mut Self {
        self.form(column, "$literal", text)
    }

    /// Writes an array of text.
    pub fn text_array<'t>(&mut self, column: &str, texts: impl IntoIterator<Item = &'t str>) -> &mut Self {
        let mut elements = Elements::default();
        for text in texts {
            elements.next(|row, name| {
                row.text(name, text);
            });
        }
        self.array(column, elements)
    }

    /// Writes an array.
    pub fn array(&mut self, column: &str, elements: Elements) -> &mut Self {
        self.put(Kind::Array, column, &elements.0.into_body())
    }

    /// Writes a reference to the record of `entity` with this source key.
    pub fn reference(&mut self, column: &str, entity: &str, key: Raw<'_>) -> &mut Self {
        self.name(Kind::Document, column);
        let start = open(&mut self.body);
        put_name(&mut self.body, Kind::Text, "$ref");
        put_text(&mut self.body, entity);
        put_name(&mut self.body, key.kind(), "$id");
        append(&mut self.body, key.bytes());
        close(&mut self.body, start);
        self
    }

    /// Writes a reference to the record with this source key, of whichever of the column's entities has one.
    pub fn reference_to_any(&mut self, column: &str, key: Raw<'_>) -> &mut Self {
        self.reference(column, "", key)
    }

    /// Writes a reference where there is a key, NULL where there is none.
    pub fn optional_reference(&mut self, column: &str, entity: &str, key: Option<Raw<'_>>) -> &mut Self {
        match key {
            Some(key) => self.reference(column, entity, key),
            None => self.null(column),
        }
    }

    /// Writes a reference to the record of `entity` with this composite source key, in the key's own order. Without a
    /// name it is of whichever of the column's entities has one.
    pub fn composite_reference(&mut self, column: &str, entity: &str, key: &[Raw<'_>]) -> &mut Self {
        let mut array = Vec::new();
        let start = open(&mut array);
        for (index, value) in key.iter().enumerate() {
            put_name(&mut array, value.kind(), &index.to_string());
            array.extend_from_slice(value.bytes());
        }
        close(&mut array, start);
        self.reference(column, entity, Raw::new(Kind::Array, &array))
    }

    fn binary(&mut self, column: &str, subtype: u8, bytes: &[u8]) -> &mut Self {
        self.name(Kind::Binary, column);
        self.body.extend_from_slice(&length(bytes.len()));
        self.body.push(subtype);
        append(&mut self.body, bytes);
        self
    }

    fn form(&mut self, column: &str, form: &str, text: &str) -> &mut Self {
        self.name(Kind::Document, column);
        let start = open(&mut self.body);
        put_name(&mut self.body, Kind::Text, form);
        put_text(&mut self.body, text);
        close(&mut self.body, start);
        self
    }

    fn put(&mut self, kind: Kind, column: &str, bytes: &[u8]) -> &mut Self {
        self.name(kind, column);
        append(&mut self.body, bytes);
        self
    }

    fn name(&mut self, kind: Kind, column: &str) {
        put_name(&mut self.body, kind, column);
    }
}

/// The elements of an array, each written like a column.
///
/// ```
/// use whimbrel_sdk::Elements;
/// use whimbrel_sdk::Row;
/// let mut elements = Elements::default();
/// for number in [7, 8] {
///     elements.next(|row, name| {
///         row.integer(name, number);
///     });
/// }
/// Row::new(0).array("numbers", elements);
/// ```
#[derive(Debug, Clone)]
pub struct Elements(Row, usize);

impl Default for Elements {
    fn default() -> Self {
        Self(Row::with_capacity(0, 64), 0)
    }
}

impl Elements {
    /// Adds an element: `write` writes one column of this name.
    pub fn next<T>(&mut self, write: impl FnOnce(&mut Row, &str) -> T) -> T {
        let name = self.1.to_string();
        self.1 += 1;
        write(&mut self.0, &name)
    }
}

#[inline]
fn put_name(out: &mut Vec<u8>, kind: Kind, name: &str) {
    out.push(kind as u8);
    append(out, name.as_bytes());
    out.push(0);
}

#[inline]
fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&length(text.len() + 1));
    append(out, text.as_bytes());
    out.push(0);
}

fn open(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    start
}

fn close(out: &mut Vec<u8>, start: usize) {
    out.push(0);
    let bytes = length(out.len() - start);
    out[start..start + 4].copy_from_slice(&bytes);
}

/// A component's memory is limited far below the 2 GiB at which a length no longer fits.
fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).expect("a row stays below 2 GiB").to_le_bytes()
}
