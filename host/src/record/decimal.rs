//! Exact decimals of any length that a target could hold.

use std::fmt;

use compact_str::CompactString;
use compact_str::ToCompactString;

/// Digits before or behind the point at most; PostgreSQL's `numeric` takes as many before it.
pub const DIGITS_MAX: usize = 131_072;

/// Digits behind the point that are remembered though they are zeros; `numeric` has no more.
const SCALE_MAX: u16 = 0x3fff;

/// A decimal number, exactly: equal numbers are equal values, however they were written. Zeros at the end behind the point
/// (`1.50`) are carried along, and make no difference.
#[derive(Debug, Clone)]
pub struct Decimal {
    negative: bool,
    /// Without leading or trailing zeros; empty is zero.
    digits: CompactString,
    /// The value is `0.digits` times ten to this power; 0 for zero.
    exponent: i32,
    /// Digits behind the point as it was written, where that is more than the number needs.
    written_scale: u16,
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        (self.negative, self.exponent, &self.digits) == (other.negative, other.exponent, &other.digits)
    }
}

impl Eq for Decimal {}

impl Decimal {
    /// Reads plain or scientific notation; `None` for anything else, NaN and infinity included, and for numbers
    /// with more than [`DIGITS_MAX`] digits on one side of the point.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, power) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], parse_power(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        Self::assemble(negative, whole, fraction, power)
    }

    /// Returns the number that the shortest text of this double stands for; `None` for NaN and infinity.
    pub fn from_f64(value: f64) -> Option<Self> {
        if value.is_finite() { Self::parse(&format!("{value:e}")) } else { None }
    }

    /// Reads the 16 bytes of a BSON Decimal128: IEEE 754-2008, binary integer significand, little-endian; `None` for NaN
    /// and infinity.
    pub fn from_decimal128(bytes: [u8; 16]) -> Option<Self> {
        const EXPONENT_BIAS: i32 = 6176;
        const SIGNIFICAND_MAX: u128 = 10_u128.pow(34) - 1;
        let bits = u128::from_le_bytes(bytes);
        // Two leading ones: NaN, infinity, or a significand that no canonical number has, which stands for zero.
        let is_long = (bits >> 125) & 0b11 == 0b11;
        if is_long && (bits >> 123) & 0b1111 == 0b1111 {
            return None;
        }
        let significand = bits & ((1 << 113) - 1);
        if is_long || significand > SIGNIFICAND_MAX {
            return Some(Self::zero());
        }
        let exponent = i32::try_from((bits >> 113) & 0x3fff).ok()? - EXPONENT_BIAS;
        let digits = significand.to_compact_string();
        Self::assemble(bits >> 127 == 1, &digits, "", exponent)
    }

    /// Returns zero.
    pub fn zero() -> Self {
        Self { negative: false, digits: CompactString::const_new(""), exponent: 0, written_scale: 0 }
    }

    /// Returns whether the number is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Returns whether the number is zero.
    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Returns the significant digits: no leading or trailing zeros, empty for zero.
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// Returns the power of ten by which `0.digits` is multiplied: the number of digits before the point where it is positive.
    pub fn exponent(&self) -> i32 {
        self.exponent
    }

    /// Returns the number of digits behind the point; negative where the number ends in zeros before it (`-2` for 500).
    pub fn scale(&self) -> i32 {
        i32::try_from(self.digits.len()).unwrap_or(i32::MAX) - self.exponent
    }

    /// Returns how many digits behind the point it is to be written with: as it came, and at least what it needs.
    pub fn written_scale(&self) -> i32 {
        i32::from(self.written_scale).max(self.scale())
    }

    /// Returns the digits of plain notation as it came, zeros behind the point included.
    pub fn to_written(&self) -> String {
        let mut text = self.to_string();
        let behind = self.scale().max(0);
        if self.written_scale() > behind {
            if behind == 0 {
                text.push('.');
            }
            text.extend((behind..self.written_scale()).map(|_| '0'));
        }
        text
    }

    /// Returns whether the number has no fraction.
    pub fn is_integral(&self) -> bool {
        self.scale() <= 0
    }

    /// Returns whether `numeric(precision, scale)` holds the number without rounding; the scale may be negative or
    /// greater than the precision.
    pub fn fits(&self, precision: u16, scale: i16) -> bool {
        self.is_zero() || (self.scale() <= i32::from(scale) && self.exponent <= i32::from(precision) - i32::from(scale))
    }

    /// Returns the number as an integer, where it is one of 64 bits.
    pub fn to_i64(&self) -> Option<i64> {
        if !self.is_integral() || self.exponent > 19 {
            return None;
        }
        self.to_string().parse().ok()
    }

    /// Returns the double whose shortest text is exactly this number, where there is one.
    pub fn to_f64_exact(&self) -> Option<f64> {
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.is_zero() { "0" } else { &self.digits };
        let value: f64 = format!("{sign}0.{digits}e{}", self.exponent).parse().ok()?;
        (Self::from_f64(value).as_ref() == Some(self)).then_some(value)
    }

    /// Joins the parts of a number: `whole.fraction` times ten to `power`, all of them digits.
    fn assemble(negative: bool, whole: &str, fraction: &str, power: i32) -> Option<Self> {
        let whole = whole.trim_start_matches('0');
        let (digits, exponent) = if whole.is_empty() {
            let digits = fraction.trim_start_matches('0');
            let exponent = -i32::try_from(fraction.len() - digits.len()).ok()?;
            (digits.trim_end_matches('0').into(), exponent)
        } else {
            let mut digits = CompactString::with_capacity(whole.len() + fraction.len());
            digits.push_str(whole);
            digits.push_str(fraction);
            digits.truncate(digits.trim_end_matches('0').len());
            (digits, i32::try_from(whole.len()).ok()?)
        };
        let written_scale = i32::try_from(fraction.len()).ok()?.checked_sub(power)?.max(0);
        let written_scale = u16::try_from(written_scale).unwrap_or(SCALE_MAX).min(SCALE_MAX);
        if digits.is_empty() {
            return Some(Self { written_scale, ..Self::zero() });
        }
        let number = Self { negative, digits, exponent: exponent.checked_add(power)?, written_scale };
        let limit = i32::try_from(DIGITS_MAX).unwrap_or(i32::MAX);
        let scale = i64::try_from(number.digits.len()).ok()? - i64::from(number.exponent);
        (number.exponent <= limit && scale <= i64::from(limit)).then_some(number)
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        // An integer of 64 bits has at most 19 digits, far within the limits.
        Self::assemble(value < 0, &value.unsigned_abs().to_compact_string(), "", 0).unwrap_or_else(Self::zero)
    }
}

/// Plain notation: no exponent, no trailing zeros behind the point.
impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return formatter.write_str("0");
        }
        if self.negative {
            formatter.write_str("-")?;
        }
        let count = self.digits.len();
        match usize::try_from(self.exponent) {
            Ok(whole) if whole >= count => {
                formatter.write_str(&self.digits)?;
                write_zeros(formatter, whole - count)
            }
            Ok(0) | Err(_) => {
                formatter.write_str("0.")?;
                write_zeros(formatter, self.exponent.unsigned_abs() as usize)?;
                formatter.write_str(&self.digits)
            }
            Ok(whole) => {
                formatter.write_str(&self.digits[..whole])?;
                formatter.write_str(".")?;
                formatter.write_str(&self.digits[whole..])
            }
        }
    }
}

fn write_zeros(formatter: &mut fmt::Formatter<'_>, count: usize) -> fmt::Result {
    const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
    let mut left = count;
    while left > 0 {
        let now = left.min(ZEROS.len());
        formatter.write_str(&ZEROS[..now])?;
        left -= now;
    }
    Ok(())
}

/// Reads an exponent of at most seven digits.
fn parse_power(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let trimmed = digits.trim_start_matches('0');
    if digits.is_empty() || trimmed.len() > 7 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let power: i32 = if trimmed.is_empty() { 0 } else { trimmed.parse().ok()? };
    Some(if text.starts_with('-') { -power } else { power })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Option<String> {
        Decimal::parse(text).map(|number| number.to_string())
    }

    #[test]
    fn every_spelling_of_a_number_is_one_value() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.00e5", "0"),
            ("007", "7"),
            ("+1.50", "1.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("1E+3", "1000"),
            ("1.25e-3", "0.00125"),
            ("-12.34", "-12.34"),
            ("100", "100"),
            ("0.1", "0.1"),
            ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
            ("1E-6176", &format!("0.{}1", "0".repeat(6175))),
        ] {
            assert_eq!(plain(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_decimal128_is_the_number_that_its_text_is() {
        for text in [
            "0",
            "-0E+3",
            "1",
            "-12.34",
            "1E+6144",
            "9.999999999999999999999999999999999E+6144",
            "1E-6176",
            "-100E-2",
            "1234567890123456789012345678901234",
        ] {
            let number: bson::Decimal128 = text.parse().expect(text);
            let read = Decimal::from_decimal128(number.bytes());
            assert_eq!(read, Decimal::parse(&number.to_string()), "{text}");
            assert!(read.is_some(), "{text}");
        }
        for text in ["NaN", "-NaN", "Infinity", "-Infinity"] {
            let number: bson::Decimal128 = text.parse().expect(text);
            assert_eq!(Decimal::from_decimal128(number.bytes()), None, "{text}");
        }
        // Significands that no canonical number has stand for zero.
        for high in [0x6c10_0000_0000_0000_u64, 0x3041_ffff_ffff_ffff] {
            let mut bytes = [0xff; 16];
            bytes[8..].copy_from_slice(&high.to_le_bytes());
            assert_eq!(Decimal::from_decimal128(bytes), Some(Decimal::zero()), "{high:x}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1e+",
            "NaN",
            "Infinity",
            "1 ",
            " 1",
            "1_000",
            "0x1",
            "--1",
            "1e999999",
            "1e-999999",
            "1e99999999999",
            "é",
            "１",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn zeros_are_carried_and_make_no_difference() {
        for (text, written) in [
            ("1.50", "1.50"),
            ("100.00", "100.00"),
            ("0.00", "0.00"),
            ("1.5e3", "1500"),
            ("150e-2", "1.50"),
            ("0.0010", "0.0010"),
            ("7", "7"),
        ] {
            let number = Decimal::parse(text).expect("a number");
            assert_eq!(number.to_written(), written, "{text}");
            assert_eq!(Decimal::parse(&number.to_string()), Some(number), "{text}");
        }
        let number: bson::Decimal128 = "1.50".parse().expect("a Decimal128");
        assert_eq!(Decimal::from_decimal128(number.bytes()).map(|number| number.to_written()).as_deref(), Some("1.50"));
    }

    #[test]
    fn limits_are_those_of_a_numeric_column() {
        for (text, precision, scale, expected) in [
            ("99.99", 4, 2, true),
            ("100", 4, 2, false),
            ("1.001", 4, 2, false),
            ("1.100", 4, 1, true),
            ("500", 1, -2, true),
            ("550", 1, -2, false),
            ("0.0012", 2, 4, true),
            ("0.012", 1, 4, false),
            ("0", 1, 1, true),
        ] {
            let fits = Decimal::parse(text).map(|number| number.fits(precision, scale));
            assert_eq!(fits, Some(expected), "{text} in numeric({precision},{scale})");
        }
    }

    #[test]
    fn doubles_and_integers_come_back() {
        for value in [0.1, 1e300, -2.5e-300, 5e-324, 123.0, f64::MAX] {
            assert_eq!(Decimal::from_f64(value).and_then(|number| number.to_f64_exact()), Some(value));
        }
        assert_eq!(Decimal::from_f64(f64::NAN), None);
        assert_eq!(Decimal::parse("0.1234567890123456789").and_then(|number| number.to_f64_exact()), None);
        for value in [0, 1, -1, 1000, i64::MAX, i64::MIN] {
            assert_eq!(Decimal::from(value).to_i64(), Some(value));
        }
        assert_eq!(Decimal::parse("9223372036854775808").and_then(|number| number.to_i64()), None);
        assert_eq!(Decimal::parse("1.5").and_then(|number| number.to_i64()), None);
    }
}
