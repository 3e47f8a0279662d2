//! PostgreSQL's types, and the column types they are.

use crate::record::ColumnType;

/// A column's type as the catalogs describe it, domains resolved.
#[derive(Debug, Clone)]
pub(super) struct CatalogType {
    /// The schema it lives in.
    pub schema: String,
    /// Its name there.
    pub name: String,
    /// `typtype`: `b` base, `e` enum, …
    pub kind: String,
    /// The type modifier, -1 for none.
    pub modifier: i32,
    /// Labels of an enum, in order.
    pub labels: Vec<String>,
    /// Schema and name of an array's elements.
    pub element: Option<(String, String)>,
}

/// Returns what a column of this type holds.
pub(super) fn column_type(found: &CatalogType) -> ColumnType {
    if found.kind == "e" {
        return ColumnType::Enum { labels: found.labels.clone() };
    }
    if let Some((schema, name)) = &found.element {
        let is_text = schema == "pg_catalog" && matches!(name.as_str(), "text" | "varchar");
        return if is_text { ColumnType::TextArray } else { ColumnType::Other };
    }
    if found.name == "citext" && found.kind == "b" {
        return ColumnType::Text { chars_max: None, padded: false };
    }
    if found.schema != "pg_catalog" {
        return ColumnType::Other;
    }
    // The modifier of a character type counts its own four bytes.
    let chars_max = u32::try_from(found.modifier.saturating_sub(4)).ok().filter(|_| found.modifier >= 4);
    match found.name.as_str() {
        "bool" => ColumnType::Bool,
        "int2" => ColumnType::Integer { bits: 16 },
        "int4" => ColumnType::Integer { bits: 32 },
        "int8" => ColumnType::Integer { bits: 64 },
        "float4" => ColumnType::Float { bits: 32 },
        "float8" => ColumnType::Float { bits: 64 },
        "numeric" => ColumnType::Decimal { limits: decimal_limits(found.modifier), inexact: false },
        "text" => ColumnType::Text { chars_max: None, padded: false },
        "varchar" => ColumnType::Text { chars_max, padded: false },
        "bpchar" => ColumnType::Text { chars_max, padded: true },
        "bytea" => ColumnType::Bytes,
        "uuid" => ColumnType::Uuid,
        "timestamptz" => ColumnType::Timestamp,
        "timestamp" => ColumnType::LocalTimestamp,
        "date" => ColumnType::Date,
        "time" => ColumnType::Time,
        "json" => ColumnType::Json { binary: false },
        "jsonb" => ColumnType::Json { binary: true },
        _ => ColumnType::Other,
    }
}

/// The scale is kept in eleven bits with a sign, the precision above it.
fn decimal_limits(modifier: i32) -> Option<(u16, i16)> {
    let bits = u32::try_from(modifier.checked_sub(4)?).ok()?;
    let precision = u16::try_from(bits >> 16).ok()?;
    let scale = i16::try_from(bits & 0x7ff).ok()?;
    Some((precision, (scale ^ 1024) - 1024))
}

/// Returns the type to cast a text to: the declared one without its limits, since an explicit cast would cut a value
/// to them where an assignment refuses it.
pub(super) fn cast_type(declared: &str) -> String {
    let mut cast = String::with_capacity(declared.len());
    let mut quoted = false;
    let mut depth = 0;
    for character in declared.chars() {
        match character {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            _ => {}
        }
        if depth == 0 {
            cast.push(character);
        }
        if character == ')' && !quoted {
            depth -= 1;
        }
    }
    match cast.as_str() {
        // A bare `character` is `character(1)`.
        "character" => "bpchar".to_owned(),
        // And a bare `bit` is `bit(1)`.
        "bit" => "bit varying".to_owned(),
        _ => cast,
    }
}

/// Returns the digits of a second that a date or time column keeps: 6 unless its type says fewer.
pub(super) fn second_digits(declared: &str) -> u32 {
    let limited = declared.strip_prefix("timestamp(").or_else(|| declared.strip_prefix("time("));
    limited.and_then(|rest| rest.split(')').next()?.parse().ok()).unwrap_or(6)
}

/// Returns whether so many microseconds need no more digits of a second than the column keeps.
pub(super) fn fits_seconds(micros: i64, declared: &str) -> bool {
    match 6_u32.checked_sub(second_digits(declared)) {
        Some(cut @ 1..=6) => micros % 10_i64.pow(cut) == 0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::cast_type;
    use super::decimal_limits;
    use super::fits_seconds;

    #[test]
    fn casts_carry_no_limits() {
        for (declared, cast) in [
            ("numeric(10,2)", "numeric"),
            ("character varying(20)[]", "character varying[]"),
            ("character(5)", "bpchar"),
            ("bit(16)", "bit varying"),
            ("timestamp(3) with time zone", "timestamp with time zone"),
            ("\"user(status)\"", "\"user(status)\""),
        ] {
            assert_eq!(cast_type(declared), cast);
        }
    }

    #[test]
    fn limits_are_read() {
        assert_eq!(decimal_limits((10 << 16 | 2) + 4), Some((10, 2)));
        assert_eq!(decimal_limits((3 << 16 | (2048 - 2)) + 4), Some((3, -2)));
        assert_eq!(decimal_limits(-1), None);
        assert!(fits_seconds(1_500_000, "timestamp(1) without time zone"));
        assert!(!fits_seconds(1_550_000, "timestamp(1) without time zone"));
        assert!(fits_seconds(1, "timestamp with time zone"));
        assert!(!fits_seconds(1, "time(0) without time zone"));
    }
}
