//! From the keys of a column to the conversion of its values.

use std::borrow::Cow;

use document_mapping::Allowed;
use document_mapping::ColumnConfig;
use document_mapping::Conversion;
use document_mapping::Convert;
use document_mapping::Kind;
use document_mapping::Misfit;
use document_mapping::Part;
use document_mapping::Source;
use document_mapping::misfits;
use document_mapping::one_of;
use document_mapping::text;
use document_mapping::time::Clock;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::config::By;
use crate::config::Firestore;
use crate::config::Keys;
use crate::config::NonFinite;
use crate::date;
use crate::date::Dates;
use crate::derive::Derived;
use crate::json::Json;
use crate::number;
use crate::prefix::Prefixes;
use crate::reference::Reader;
use crate::value;
use crate::value::Special;

/// How one column's values are converted.
#[derive(Debug)]
struct Column {
    /// The fields of which the first that a map has stands for the map.
    within: Vec<String>,
    /// Whether a number that is not finite is NULL.
    is_non_finite_null: bool,
    what: What,
}

#[derive(Debug)]
enum What {
    /// What Firestore has no values of its own for.
    Common(Convert),
    Unchanged(Prefixes),
    Text(Reader, Prefixes),
    Enum(Allowed, Reader, bool),
    Reference(Vec<String>, Reader),
    Dates(Dates),
    Json(Json),
    JsonText(Json),
    Base64,
    Derived(Derived),
}

/// Returns how a column's values are converted, and the keys that are wrong.
pub(crate) fn convert(config: &ColumnConfig<Firestore>) -> (Convert, Vec<Misfit>) {
    let mut found = misfits(config);
    check(config, &mut |key, message: &str| found.push((key, message.to_owned())));
    // Several values make a reference as the common mapping has it.
    if is_several(config) && config.keys.derive.is_none() {
        return (Convert::of(config).0, found);
    }
    match What::new(config) {
        Ok(what) => {
            let is_non_finite_null = config.keys.non_finite == Some(NonFinite::Null);
            let column = Column { within: config.keys.within.clone(), is_non_finite_null, what };
            (Convert::Dialect(Box::new(column)), found)
        }
        Err(more) => {
            found.extend(more);
            (Convert::Unchanged, found)
        }
    }
}

impl What {
    fn new(config: &ColumnConfig<Firestore>) -> Result<Self, Vec<Misfit>> {
        let keys = &config.keys;
        if let Some(name) = &keys.derive {
            return Ok(Self::Derived(Derived::new(name)));
        }
        let is_key = config.reference.is_some() || config.allowed.is_some();
        let by = keys.by.unwrap_or(if is_key { By::Id } else { By::Path });
        let reader = Reader::new(by, keys.collection.as_deref()).map_err(|message| vec![("collection", message)])?;
        if let Some(entities) = &config.reference {
            return Ok(Self::Reference(entities.0.clone(), reader));
        }
        if let Some(allowed) = &config.allowed {
            if allowed.0.is_empty() {
                return Err(vec![("enum", "expected at least one value, found none".to_owned())]);
            }
            return Ok(Self::Enum(allowed.clone(), reader, config.kind.is_some()));
        }
        let prefixes = keys.prefixes.as_ref().map(|pairs| Prefixes::new(pairs, keys.prefix_required)).transpose();
        let prefixes = prefixes.map_err(|message| vec![("prefixes", message)])?.unwrap_or_default();
        let json = |references| Json { references, non_finite: keys.non_finite };
        Ok(match (config.kind, keys.is_text) {
            (None, _) => Self::Unchanged(prefixes),
            (Some(Kind::Text), _) => Self::Text(reader, prefixes),
            (Some(Kind::Timestamp | Kind::Date), _) => Self::Dates(Dates::new(config)?),
            (Some(Kind::Json), false) => Self::Json(json(reader)),
            (Some(Kind::Json), true) => Self::JsonText(json(reader)),
            (Some(Kind::Bytes), true) => Self::Base64,
            (Some(kind @ (Kind::LocalTimestamp | Kind::Time)), _) => {
                let clock = Clock::new(kind, config.format.as_deref(), config.zone.as_deref())?;
                Self::Common(Convert::Clock(clock))
            }
            (Some(_), _) => Self::Common(Convert::of(config).0),
        })
    }
}

fn is_several(config: &ColumnConfig<Firestore>) -> bool {
    matches!(&config.source, Source::From(paths) if paths.len() > 1)
}

/// Tells keys that make no sense beside each other.
fn check(config: &ColumnConfig<Firestore>, problem: &mut dyn FnMut(&'static str, &str)) {
    let keys = &config.keys;
    let kind = config.kind;
    let is_reference = config.reference.is_some();
    if let Some(name) = &keys.derive {
        let is_only = *keys == Keys { derive: keys.derive.clone(), ..Keys::default() } && !config.empty_as_null;
        let is_alone =
            is_only && kind.is_none() && !is_reference && config.allowed.is_none() && config.default.is_none();
        if name.is_empty() {
            problem("derive", "expected the name of what is identified, found empty text");
        }
        if !is_alone || config.array || matches!(config.source, Source::FirstOf(_)) {
            problem("derive", "expected nothing but `from` and `required` beside `derive`, found more");
        }
        if matches!(&config.source, Source::From(paths) if paths.iter().all(|path| path.starts_with('#'))) {
            problem("from", "expected a value of the record beside indexes, found none");
        }
    }
    if matches!(&config.source, Source::FirstOf(paths) if paths.iter().any(|path| path.starts_with('#'))) {
        problem("first-of", "expected values of the record, found an index");
    }
    let has_own = !keys.within.is_empty() || keys.by.is_some() || keys.collection.is_some();
    if is_several(config) && has_own {
        problem("from", "expected one path beside `within`, `by` or `collection`, found several");
    }
    if matches!(kind, Some(Kind::LocalTimestamp | Kind::Time)) && keys.formats.len() > 1 {
        problem("format", "expected one format for `local-timestamp` or `time`, found several");
    }
    let is_date = matches!(kind, Some(Kind::Timestamp | Kind::Date));
    if keys.from_number.is_some() && !is_date {
        problem("from-number", "expected `as` to be `timestamp`, `timestamp-text` or `date` beside `from-number`");
    }
    if keys.time.is_some() && !is_date {
        problem("time", "expected `as` to be `timestamp`, `timestamp-text` or `date` beside `time`");
    }
    if keys.digits.is_some() && !(kind == Some(Kind::Timestamp) && keys.is_text) {
        problem("digits", "expected `as = \"timestamp-text\"` beside `digits`");
    }
    if keys.prefixes.is_some() && !matches!(kind, None | Some(Kind::Text)) || keys.prefixes.is_some() && is_reference {
        problem("prefixes", "expected text beside `prefixes`, found `as` or `reference`");
    }
    if keys.prefix_required && keys.prefixes.is_none() {
        problem("prefix-required", "expected `prefixes` beside `prefix-required`, found none");
    }
    let takes_references = is_reference || config.allowed.is_some() || matches!(kind, Some(Kind::Text | Kind::Json));
    if (keys.by.is_some() || keys.collection.is_some()) && !takes_references {
        let key = if keys.by.is_some() { "by" } else { "collection" };
        problem(key, "expected `reference`, `enum`, or `as` to be `text` or `json`");
    }
    match (keys.non_finite, kind) {
        (None, _) | (Some(_), Some(Kind::Json)) | (Some(NonFinite::Null), Some(Kind::Double) | None) => {}
        (Some(NonFinite::Text), _) => problem("non-finite", "expected `as` to be `json` or `json-text` beside `text`"),
        (Some(NonFinite::Null), _) => problem("non-finite", "expected `as` to be `double`, `json` or `json-text`"),
    }
}

impl Conversion for Column {
    fn references(&self) -> &[String] {
        match &self.what {
            What::Reference(entities, _) => entities,
            _ => &[],
        }
    }

    fn takes_parts(&self) -> bool {
        matches!(self.what, What::Derived(_))
    }

    fn write(&self, row: &mut Row, column: &str, raw: Raw<'_>) -> Result<(), Rejection> {
        let raw = value::within(raw, &self.within)?;
        if self.is_non_finite_null && number::is_non_finite(raw) {
            row.null(column);
            return Ok(());
        }
        match &self.what {
            What::Common(convert) => convert.write(row, column, raw)?,
            What::Unchanged(prefixes) => return unchanged(row, column, raw, prefixes),
            What::Text(reader, prefixes) => {
                row.text(column, &prefixes.rewrite(text_of(raw, reader)?)?);
            }
            What::Enum(allowed, reader, takes_scalars) => {
                let found = match raw.value()? {
                    Value::Text(found) => Cow::Borrowed(found),
                    Value::Document(_) => text_of(raw, reader)?,
                    _ if *takes_scalars => text::of(raw)?,
                    _ => return Err(Rejection::type_mismatch("a string (or `as = \"text\"`)", value::words(raw))),
                };
                row.text(column, one_of(&allowed.0, &found)?);
            }
            What::Reference(entities, reader) => {
                // Only the host can find out which of several it is.
                let entity = if let [one] = &entities[..] { one } else { "" };
                reader.read(raw)?.write(row, column, entity);
            }
            What::Dates(dates) => dates.write(row, column, raw)?,
            What::Json(json) => {
                row.json(column, &json.of(raw)?);
            }
            What::JsonText(json) => {
                row.text(column, &json.of(raw)?);
            }
            What::Base64 => match raw.value()? {
                Value::Binary(0, bytes) => {
                    row.text(column, &text::base64(bytes));
                }
                _ => return Err(Rejection::type_mismatch("bytes", value::words(raw))),
            },
            What::Derived(derived) => {
                let id = derived.id(&[Part::Value(raw)]).map_err(|(_, refused)| refused)?;
                row.text(column, &id.to_string());
            }
        }
        Ok(())
    }

    fn write_parts(&self, row: &mut Row, column: &str, parts: &[Part<'_>]) -> Result<(), (usize, Rejection)> {
        let What::Derived(derived) = &self.what else {
            return Err((0, Rejection::type_mismatch("one value", "several")));
        };
        row.text(column, &derived.id(parts)?.to_string());
        Ok(())
    }
}

fn unchanged(row: &mut Row, column: &str, raw: Raw<'_>, prefixes: &Prefixes) -> Result<(), Rejection> {
    match (raw.value()?, Special::of(raw)?) {
        (Value::Text(text), _) => {
            row.text(column, &prefixes.rewrite(Cow::Borrowed(text))?);
            Ok(())
        }
        (_, Some(Special::Instant(instant))) if instant.len() <= MICROSECONDS => {
            row.instant_text(column, instant);
            Ok(())
        }
        (_, Some(Special::Instant(_))) => {
            Err(date::too_fine("microseconds (or `as = \"timestamp-text\"`)", value::shown(raw)))
        }
        (_, Some(Special::Reference(..))) => {
            Err(Rejection::type_mismatch("a scalar value (or `reference`, or `as = \"text\"`)", "a reference"))
        }
        _ => Convert::Unchanged.write(row, column, raw),
    }
}

/// The length of `2024-01-31T12:00:00.123456Z`, the finest instant that columns take.
const MICROSECONDS: usize = 27;

fn text_of<'a>(raw: Raw<'a>, reader: &Reader) -> Result<Cow<'a, str>, Rejection> {
    match Special::of(raw)? {
        Some(Special::Instant(instant)) => Ok(Cow::Borrowed(instant)),
        Some(Special::Reference(..)) => Ok(Cow::Owned(reader.read(raw)?.shown()?.into_owned())),
        None => text::of(raw),
    }
}
