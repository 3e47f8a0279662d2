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
    /// The type of an array's elements.
    pub element: Option<Box<CatalogType>>,
}

/// Returns what a column of this type holds.
pub(super) fn column_type(found: &CatalogType) -> ColumnType {
    // Two types of the catalogs themselves are arrays without being written as such.
    let is_vector = found.schema == "pg_catalog" && matches!(found.name.as_str(), "int2vector" | "oidvector");
    match &found.element {
        Some(element) if !is_vector => ColumnType::Array { element: Box::new(column_type(element)) },
        _ if found.kind == "e" => ColumnType::Enum { labels: found.labels.clone() },
        _ if found.name == "citext" && found.kind == "b" => ColumnType::Text { chars_max: None, padded: false },
        _ if found.schema == "pg_catalog" && !is_vector => built_in(found).unwrap_or(ColumnType::Textual),
        _ => ColumnType::Textual,
    }
}

fn built_in(found: &CatalogType) -> Option<ColumnType> {
    // The modifier of a character type counts its own four bytes.
    let chars_max = u32::try_from(found.modifier.saturating_sub(4)).ok().filter(|_| found.modifier >= 4);
    Some(match found.name.as_str() {
        "bool" => ColumnType::Bool,
        "int2" => ColumnType::Integer { bits: 16 },
        "int4" => ColumnType::Integer { bits: 32 },
        "int8" => ColumnType::Integer { bits: 64 },
        "float4" => ColumnType::Float { bits: 32 },
        "float8" => ColumnType::Float { bits: 64 },
        "numeric" => ColumnType::Decimal { limits: decimal_limits(found.modifier), inexact: false },
        // Its text follows the database's language, its number does not.
        "money" => ColumnType::Decimal { limits: None, inexact: false },
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
        _ => return None,
    })
}

/// What the catalogs call the elements of built-in arrays that COPY takes in the binary form.
const ELEMENTS: [(&str, u32); 19] = [
    ("boolean", 16),
    ("bytea", 17),
    ("bigint", 20),
    ("smallint", 21),
    ("integer", 23),
    ("text", 25),
    ("json", 114),
    ("real", 700),
    ("double precision", 701),
    ("bpchar", 1042),
    ("character", 1042),
    ("character varying", 1043),
    ("date", 1082),
    ("time without time zone", 1083),
    ("timestamp without time zone", 1114),
    ("timestamp with time zone", 1184),
    ("numeric", 1700),
    ("uuid", 2950),
    ("jsonb", 3802),
];

/// Returns the number of the type of an array's elements, where it is the same in every database.
pub(super) fn element_oid(declared: &str) -> Option<u32> {
    let element = without_limits(declared.strip_suffix("[]")?);
    ELEMENTS.iter().find(|(name, _)| *name == element).map(|(_, oid)| *oid)
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
    match without_limits(declared).as_str() {
        // A bare `character` is `character(1)`.
        "character" => "bpchar".to_owned(),
        // And a bare `bit` is `bit(1)`.
        "bit" => "bit varying".to_owned(),
        // These limit by words.
        interval if interval.starts_with("interval ") && !interval.ends_with("[]") => "interval".to_owned(),
        // It is carried as a number, which its own text is not.
        "money" => "numeric::money".to_owned(),
        "character[]" => "bpchar[]".to_owned(),
        "bit[]" => "bit varying[]".to_owned(),
        other => other.to_owned(),
    }
}

fn without_limits(declared: &str) -> String {
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
    cast
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
    use super::element_oid;
    use super::fits_seconds;

    #[test]
    fn casts_carry_no_limits() {
        for (declared, cast) in [
            ("numeric(10,2)", "numeric"),
            ("character varying(20)[]", "character varying[]"),
            ("character(5)", "bpchar"),
            ("bit(16)", "bit varying"),
            ("bit(16)[]", "bit varying[]"),
            ("character(5)[]", "bpchar[]"),
            ("interval day to second(3)", "interval"),
            ("interval(0)", "interval"),
            ("timestamp(3) with time zone", "timestamp with time zone"),
            ("\"user(status)\"", "\"user(status)\""),
        ] {
            assert_eq!(cast_type(declared), cast);
        }
    }

    #[test]
    fn elements_of_arrays_are_known_by_their_names() {
        for (declared, oid) in [
            ("integer[]", Some(23)),
            ("character varying(3)[]", Some(1043)),
            ("character(3)[]", Some(1042)),
            ("timestamp(3) with time zone[]", Some(1184)),
            ("mood[]", None),
            ("integer", None),
        ] {
            assert_eq!(element_oid(declared), oid, "{declared}");
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
