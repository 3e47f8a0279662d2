//! Numbers that are none: NaN and the infinities.

use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

/// Returns whether a value is a double that is not finite.
pub(crate) fn is_non_finite(raw: Raw<'_>) -> bool {
    matches!(raw.value(), Ok(Value::Double(value)) if !value.is_finite())
}

/// Names a double that is not finite.
pub(crate) fn name(value: f64) -> &'static str {
    match (value.is_nan(), value < 0.0) {
        (true, _) => "NaN",
        (false, true) => "-Infinity",
        (false, false) => "Infinity",
    }
}
