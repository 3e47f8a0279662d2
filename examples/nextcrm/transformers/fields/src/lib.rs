//! What NextCRM's own transformers share: fields copied one by one, each under its rule, and the links in arrays.
//!
//! A missing field and null are the same: NULL. What a rule does not take rejects the record by the field's name.

use whimbrel_sdk::Record;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

/// A record and the row that its fields go into.
pub struct Copy<'a> {
    record: Record<'a>,
    /// What has been written so far.
    pub row: Row,
}

impl<'a> Copy<'a> {
    /// Starts a row for a table with the record's own id.
    ///
    /// # Errors
    /// The rejection `required` where there is no `_id`.
    pub fn new(record: Record<'a>, table: u32, entity: &str) -> Result<Self, Rejection> {
        let mut row = Row::with_capacity(table, 1_024);
        row.reference("id", entity, record.required("_id")?);
        Ok(Self { record, row })
    }

    /// Copies text, ObjectIds as their hexadecimal digits.
    ///
    /// # Errors
    /// The rejection `type-mismatch`.
    pub fn text(&mut self, field: &str) -> Result<(), Rejection> {
        if let Some(raw) = self.record.get(field)? {
            self.row.text(field, &text_of(raw, field)?);
        }
        Ok(())
    }

    /// Copies text that must be there.
    ///
    /// # Errors
    /// The rejections `required` and `type-mismatch`.
    pub fn required_text(&mut self, field: &str) -> Result<(), Rejection> {
        self.record.required(field)?;
        self.text(field)
    }

    /// Copies a boolean.
    ///
    /// # Errors
    /// The rejection `type-mismatch`; `required` where it must be there.
    pub fn bool(&mut self, field: &str, is_required: bool) -> Result<(), Rejection> {
        if is_required || self.record.get(field)?.is_some() {
            self.row.bool(field, self.record.bool(field)?);
        }
        Ok(())
    }

    /// Copies a whole number, which JavaScript may have stored as a double.
    ///
    /// # Errors
    /// The rejections `type-mismatch` and `number`; `required` where it must be there.
    pub fn integer(&mut self, column: &str, field: &str, is_required: bool) -> Result<(), Rejection> {
        let raw = if is_required { Some(self.record.required(field)?) } else { self.record.get(field)? };
        if let Some(raw) = raw {
            self.row.integer(column, integer_of(raw, field)?);
        }
        Ok(())
    }

    /// Copies one of these words.
    ///
    /// # Errors
    /// The rejections `type-mismatch` and `enum-value`; `required` where it must be there.
    pub fn word(&mut self, field: &str, words: &[&str], is_required: bool) -> Result<(), Rejection> {
        if !is_required && self.record.get(field)?.is_none() {
            return Ok(());
        }
        let found = self.record.text(field)?;
        if !words.contains(&found) {
            let message = format!("expected one of {}, found `{found}`", words.join(", "));
            return Err(Rejection::new("enum-value", message).at(field));
        }
        self.row.text(field, found);
        Ok(())
    }

    /// Copies a date into a timestamp without a zone, as a clock shows it in UTC.
    ///
    /// # Errors
    /// The rejections `date-format` and `date-range`; `required` where it must be there.
    pub fn moment(&mut self, field: &str, is_required: bool) -> Result<(), Rejection> {
        let raw = if is_required { Some(self.record.required(field)?) } else { self.record.get(field)? };
        let Some(raw) = raw else { return Ok(()) };
        let Value::Date(milliseconds) = raw.value()? else {
            let message = format!("expected a date, found {}", raw.kind().words());
            return Err(Rejection::new("date-format", message).at(field));
        };
        let moment = jiff::Timestamp::from_millisecond(milliseconds).ok().map(|moment| moment.to_string());
        let Some(clock) = moment.as_deref().and_then(|text| text.strip_suffix('Z')).filter(|text| text.len() >= 19)
        else {
            let message = format!("expected a year from 1 to 9999, found {milliseconds} ms after 1970");
            return Err(Rejection::new("date-range", message).at(field));
        };
        self.row.local_timestamp(field, clock);
        Ok(())
    }

    /// Copies the key of another entity's record.
    ///
    /// # Errors
    /// The rejection `malformed-bson`.
    pub fn reference(&mut self, field: &str, entity: &str) -> Result<(), Rejection> {
        if let Some(key) = self.record.get(field)? {
            self.row.reference(field, entity, key);
        }
        Ok(())
    }

    /// Copies an array of text; a single text is an array of one.
    ///
    /// # Errors
    /// The rejection `type-mismatch`.
    pub fn texts(&mut self, field: &str) -> Result<(), Rejection> {
        let Some(raw) = self.record.get(field)? else { return Ok(()) };
        let mut texts = Vec::new();
        match raw.value()? {
            Value::Array(array) => {
                for element in array.fields() {
                    texts.push(text_of(element?.value, field)?);
                }
            }
            _ => texts.push(text_of(raw, field)?),
        }
        self.row.text_array(field, texts.iter().map(String::as_str));
        Ok(())
    }

    /// Copies anything that JSON can hold as it is.
    ///
    /// # Errors
    /// The rejection `json`.
    pub fn json(&mut self, field: &str) -> Result<(), Rejection> {
        if let Some(raw) = self.record.get(field)? {
            self.row.json(field, &json_of(raw).map_err(|rejection| rejection.at(field))?.to_string());
        }
        Ok(())
    }

    /// Adds a row for each link in an array: `own` is this record's side of it, `other` that of the linked one. A link is
    /// a key, or a document that the application had filled in, with the key in its `_id`; null is no link.
    ///
    /// # Errors
    /// The rejection `type-mismatch` where the field is no array.
    pub fn links(
        &self,
        rows: &mut Vec<Row>,
        table: u32,
        field: &str,
        own: (&str, &str),
        other: (&str, &str),
    ) -> Result<(), Rejection> {
        let Some(raw) = self.record.get(field)? else { return Ok(()) };
        let Value::Array(array) = raw.value()? else { return Err(mismatch("an array", raw, field)) };
        let id = self.record.required("_id")?;
        for element in array.fields() {
            let link = element?.value;
            let key = match link.value()? {
                Value::Null => continue,
                Value::Document(filled) => {
                    filled.get("_id")?.ok_or_else(|| mismatch("a key, or a document with an `_id`", link, field))?
                }
                _ => link,
            };
            let mut row = Row::with_capacity(table, 128);
            row.reference(own.0, own.1, id).reference(other.0, other.1, key);
            rows.push(row);
        }
        Ok(())
    }
}

fn text_of(raw: Raw<'_>, field: &str) -> Result<String, Rejection> {
    match raw.value()? {
        Value::Text(text) | Value::Symbol(text) => Ok(text.to_owned()),
        Value::ObjectId(bytes) => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        _ => Err(mismatch("a string", raw, field)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole and small enough to be exact")]
fn integer_of(raw: Raw<'_>, field: &str) -> Result<i64, Rejection> {
    match raw.value()? {
        Value::Int32(value) => Ok(value.into()),
        Value::Int64(value) => Ok(value),
        Value::Double(value) if value.fract() == 0.0 && value.abs() < 9e15 => Ok(value as i64),
        Value::Double(value) => {
            Err(Rejection::new("number", format!("expected a whole number, found {value}")).at(field))
        }
        _ => Err(mismatch("an integer", raw, field)),
    }
}

fn json_of(raw: Raw<'_>) -> Result<serde_json::Value, Rejection> {
    Ok(match raw.value()? {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => value.into(),
        Value::Int32(value) => value.into(),
        Value::Int64(value) => value.into(),
        Value::Double(value) if value.is_finite() => value.into(),
        Value::Text(text) => text.into(),
        Value::Array(array) => {
            array.fields().map(|element| json_of(element?.value)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Document(document) => {
            let mut object = serde_json::Map::new();
            for field in document.fields() {
                let field = field?;
                object.insert(field.name()?.to_owned(), json_of(field.value)?);
            }
            object.into()
        }
        _ => {
            let message = format!("expected a value that JSON can hold, found {}", raw.kind().words());
            return Err(Rejection::new("json", message));
        }
    })
}

fn mismatch(expected: &str, found: Raw<'_>, field: &str) -> Rejection {
    Rejection::type_mismatch(expected, found.kind().words()).at(field)
}
