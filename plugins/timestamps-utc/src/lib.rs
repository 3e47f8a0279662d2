//! The validator `timestamps-utc`: what goes into a timestamp column is an unambiguous instant in a plausible range.
//!
//! A local timestamp or a text in a `timestamp with time zone` would be read in whatever zone the target's session
//! happens to have; a date in year 0001 or 9999 is mostly a sentinel that somebody once wrote for "unknown".

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use whimbrel_sdk::Pointer;
use whimbrel_sdk::Problem;
use whimbrel_sdk::RowRef;
use whimbrel_sdk::Validator;
use whimbrel_sdk::ValidatorSetup;
use whimbrel_sdk::Violation;
use whimbrel_sdk::bson::Document;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

/// The plausible range where the configuration is silent: the years that a business record can speak of.
const MIN_DEFAULT: &str = "1900-01-01T00:00:00Z";
const MAX_DEFAULT: &str = "2100-01-01T00:00:00Z";

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The earliest instant, in RFC 3339.
    #[serde(default = "min_default")]
    min: String,
    /// The instant that none reaches, in RFC 3339.
    #[serde(default = "max_default")]
    max: String,
}

fn min_default() -> String {
    MIN_DEFAULT.to_owned()
}

fn max_default() -> String {
    MAX_DEFAULT.to_owned()
}

/// The timestamp columns of each table, and the range.
pub struct TimestampsUtc {
    tables: Vec<Vec<Column>>,
    min: Timestamp,
    max: Timestamp,
}

struct Column {
    name: String,
    target_type: String,
    /// Whether the column is an instant; a local timestamp may go into any other timestamp column.
    has_zone: bool,
    is_array: bool,
}

impl Validator for TimestampsUtc {
    const SUMMARY: &'static str = "Timestamp columns get unambiguous instants in a plausible range.";
    const CONFIG_SCHEMA: &'static str = r#"{
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "timestamps-utc",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "min": { "type": "string", "description": "The earliest plausible instant, in RFC 3339; 1900-01-01T00:00:00Z by default." },
        "max": { "type": "string", "description": "The instant that no plausible one reaches, in RFC 3339; 2100-01-01T00:00:00Z by default." }
      }
    }"#;
    type Config = Config;

    fn new(setup: &ValidatorSetup, config: Config) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut instant = |key: &str, text: &str| {
            let instant = text.parse::<Timestamp>();
            let problem = |_| {
                let message = format!("expected an instant like `2000-01-01T00:00:00Z`, found `{text}`");
                problems.push(Problem::new(Pointer::root().key(key), message));
            };
            instant.map_err(problem).ok()
        };
        let range = (instant("min", &config.min), instant("max", &config.max));
        if let (Some(min), Some(max)) = range
            && min >= max
        {
            let message = format!("expected an instant after `min` ({min}), found {max}");
            problems.push(Problem::new(Pointer::root().key("max"), message));
        }
        let (Some(min), Some(max), true) = (range.0, range.1, problems.is_empty()) else { return Err(problems) };
        let tables = setup.tables.iter().map(|table| {
            let columns = table.columns.iter().filter_map(|column| Column::of(&column.name, &column.target_type));
            columns.collect()
        });
        Ok(Self { tables: tables.collect(), min, max })
    }

    fn validate(&self, row: RowRef<'_>) -> Vec<Violation> {
        let columns = self.tables.get(row.table as usize).map(Vec::as_slice).unwrap_or_default();
        let mut violations = Vec::new();
        // Without a timestamp column there is nothing to walk for.
        for field in row.body.fields().take_while(|_| !columns.is_empty()) {
            let Ok(field) = field else {
                violations.push(Violation::new("malformed-row", "expected BSON, found bytes that are not"));
                break;
            };
            let column = columns.iter().find(|column| column.name.as_bytes() == field.name_bytes());
            violations.extend(column.and_then(|column| self.violation(column, field.value)));
        }
        violations
    }
}

impl Column {
    /// Returns the column where its type is a timestamp: of PostgreSQL, or by the names that SQLite schemas use.
    fn of(name: &str, target_type: &str) -> Option<Self> {
        let lower = target_type.to_ascii_lowercase();
        let is_timestamp = lower.starts_with("timestamp") || lower.starts_with("datetime");
        let has_zone = lower.starts_with("timestamptz") || lower.contains("with time zone");
        let is_array = lower.ends_with("[]");
        is_timestamp.then(|| Self { name: name.to_owned(), target_type: target_type.to_owned(), has_zone, is_array })
    }
}

impl TimestampsUtc {
    fn violation(&self, column: &Column, raw: Raw<'_>) -> Option<Violation> {
        let found = match raw.value() {
            Ok(Value::Null) => return None,
            Ok(Value::Array(elements)) if column.is_array => {
                return elements
                    .fields()
                    .filter_map(Result::ok)
                    .find_map(|element| self.violation(column, element.value));
            }
            Ok(Value::Date(milliseconds)) => {
                return self.check_range(column, Timestamp::from_millisecond(milliseconds).ok());
            }
            Ok(Value::Document(form)) => match form_of(form) {
                Some(("$instant" | "$zoned", text)) => match text.parse() {
                    Ok(instant) => return self.check_range(column, Some(instant)),
                    Err(_) => format!("`{text}`"),
                },
                Some(("$localTimestamp", text)) if column.has_zone => {
                    let message =
                        format!("expected an instant for `{}`, found the local timestamp `{text}`", column.target_type);
                    return Some(Violation::new("local-timestamp", message).at(&column.name));
                }
                // Its own clock is unknown, so the range is compared as if it were UTC.
                Some(("$localTimestamp", text)) => match text.parse::<DateTime>() {
                    Ok(local) => {
                        return self.check_range(column, local.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp()));
                    }
                    Err(_) => format!("`{text}`"),
                },
                // Infinity, or a year that no business record speaks of.
                Some(("$literal", text)) => {
                    let Self { min, max, .. } = self;
                    let message = format!("expected an instant from `{min}` and before `{max}`, found `{text}`");
                    return Some(Violation::new("implausible-instant", message).at(&column.name));
                }
                _ => "a document".to_owned(),
            },
            Ok(Value::Text(text)) => format!("the text `{}`", text.chars().take(60).collect::<String>()),
            _ => raw.kind().words().to_owned(),
        };
        let message = format!("expected an instant for `{}`, found {found}", column.target_type);
        Some(Violation::new("not-an-instant", message).at(&column.name))
    }

    /// `None` is an instant that is beyond every calendar.
    fn check_range(&self, column: &Column, instant: Option<Timestamp>) -> Option<Violation> {
        let Self { min, max, .. } = self;
        let found = match instant {
            Some(instant) if (*min..*max).contains(&instant) => return None,
            Some(instant) => format!("`{instant}`"),
            None => "a date at the end of the calendar or beyond".to_owned(),
        };
        let message = format!("expected an instant from `{min}` and before `{max}`, found {found}");
        Some(Violation::new("implausible-instant", message).at(&column.name))
    }
}

/// Returns the name and the text of a form such as `{"$instant": "…"}`.
fn form_of(document: Document<'_>) -> Option<(&str, &str)> {
    let mut fields = document.fields();
    let field = fields.next()?.ok()?;
    match (field.value.value(), fields.next()) {
        (Ok(Value::Text(text)), None) => Some((field.name().ok()?, text)),
        _ => None,
    }
}

whimbrel_sdk::export_validator!(TimestampsUtc);
