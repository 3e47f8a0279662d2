//! Exact decimal numbers, between Decimal128, text and the other kinds of numbers.

use std::fmt;

/// Most decimal digits that a Decimal128 holds.
const DECIMAL128_DIGITS_MAX: usize = 34;
/// Smallest and largest power of ten of a Decimal128.
const DECIMAL128_EXPONENT: std::ops::RangeInclusive<i32> = -6176..=6111;
/// Largest power of ten, either way, and most digits that are read from text.
const TEXT_SIZE_MAX: i32 = 20_000;

/// A finite decimal number, exactly. Trailing zeros behind the point are kept: `1.50` stays `1.50`.
///
/// ```
/// use whimbrel_sdk::Decimal;
/// let price = Decimal::parse("1.50").unwrap();
/// assert_eq!(price.to_string(), "1.50");
/// assert_eq!(Decimal::parse("12e2").unwrap().to_i64(), Some(1200));
/// assert_eq!(Decimal::parse("0.1").unwrap().to_f64_exact(), Some(0.1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// Decimal digits without leading zeros; `0` is zero.
    digits: String,
    /// The value is the digits times ten to this power.
    exponent: i32,
}

impl Decimal {
    /// Reads plain or scientific notation, such as `-12.50` or `1E+3`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let has_point_without_digits = mantissa.contains('.') && fraction.is_empty();
        if whole.is_empty() || has_point_without_digits || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let scale = i32::try_from(fraction.len()).ok()?;
        let exponent = exponent.checked_sub(scale)?;
        if text.len() > TEXT_SIZE_MAX as usize || exponent.checked_abs()? > TEXT_SIZE_MAX {
            return None;
        }
        Some(Self::of(negative, &format!("{whole}{fraction}"), exponent))
    }

    /// Reads a Decimal128; `None` for NaN and infinity.
    pub fn from_decimal128(bytes: &[u8; 16]) -> Option<Self> {
        let bits = u128::from_le_bytes(*bytes);
        let negative = bits >> 127 == 1;
        // Two bits of the combination field tell the usual form from the one whose coefficient is beyond 34 digits,
        // which the format defines as zero; five bits tell NaN and infinity.
        let (biased, coefficient) = match (bits >> 125 & 0b11, bits >> 122 & 0b1_1111) {
            (_, 0b1_1110 | 0b1_1111) => return None,
            (0b11, _) => (bits >> 111 & 0x3fff, 0),
            _ => (bits >> 113 & 0x3fff, bits & ((1 << 113) - 1)),
        };
        let coefficient = if coefficient < 10_u128.pow(34) { coefficient } else { 0 };
        let exponent = i32::try_from(biased).ok()? - 6176;
        Some(Self::of(negative, &coefficient.to_string(), exponent))
    }

    /// Reads a double by the shortest decimal form that gives it back; `None` for NaN and infinity.
    pub fn from_f64(value: f64) -> Option<Self> {
        if value.is_finite() { Self::parse(&format!("{value:e}")).map(Self::plain) } else { None }
    }

    /// Returns the number as a Decimal128 with the same digits and power of ten; `None` where that does not hold it.
    pub fn to_decimal128(&self) -> Option<[u8; 16]> {
        if self.digits.len() > DECIMAL128_DIGITS_MAX || !DECIMAL128_EXPONENT.contains(&self.exponent) {
            return None;
        }
        let coefficient: u128 = self.digits.parse().ok()?;
        let biased = u128::try_from(self.exponent + 6176).ok()?;
        Some((u128::from(self.negative) << 127 | biased << 113 | coefficient).to_le_bytes())
    }

    /// Returns the number as an integer; `None` where it has a fraction or is out of range.
    pub fn to_i64(&self) -> Option<i64> {
        let trimmed = self.trimmed();
        if trimmed.exponent < 0 || trimmed.exponent > 19 {
            return None;
        }
        let sign = if trimmed.negative { "-" } else { "" };
        let zeros = "0".repeat(usize::try_from(trimmed.exponent).ok()?);
        format!("{sign}{}{zeros}", trimmed.digits).parse().ok()
    }

    /// Returns the double whose shortest decimal form is this number; `None` where there is none.
    pub fn to_f64_exact(&self) -> Option<f64> {
        let value: f64 = self.to_string().parse().ok()?;
        let back = Self::from_f64(value)?;
        (back.trimmed() == self.trimmed()).then_some(value)
    }

    fn of(negative: bool, digits: &str, exponent: i32) -> Self {
        let digits = digits.trim_start_matches('0');
        Self { negative, digits: if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }, exponent }
    }

    /// Without a positive power of ten, where that stays short: `1e3` reads `1000`.
    fn plain(self) -> Self {
        match usize::try_from(self.exponent) {
            Ok(zeros) if zeros + self.digits.len() <= DECIMAL128_DIGITS_MAX => {
                Self { digits: self.digits + &"0".repeat(zeros), exponent: 0, ..self }
            }
            _ => self,
        }
    }

    /// In the one form that equal numbers share.
    fn trimmed(&self) -> Self {
        let digits = self.digits.trim_end_matches('0');
        if digits.is_empty() {
            return Self::of(false, "0", 0);
        }
        let zeros = i32::try_from(self.digits.len() - digits.len()).unwrap_or(0);
        Self { negative: self.negative, digits: digits.to_owned(), exponent: self.exponent + zeros }
    }
}

impl fmt::Display for Decimal {
    /// Writes plain digits where that is short, scientific notation elsewhere; both are JSON numbers.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let point = usize::try_from(-i64::from(self.exponent)).unwrap_or(0);
        if self.exponent > 0 || point > self.digits.len() + 6 {
            return write!(formatter, "{sign}{}e{}", self.digits, self.exponent);
        }
        if point == 0 {
            return write!(formatter, "{sign}{}", self.digits);
        }
        let digits = format!("{:0>width$}", self.digits, width = point + 1);
        let (whole, fraction) = digits.split_at(digits.len() - point);
        write!(formatter, "{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn text_survives() {
        for text in ["0", "1.50", "-0.001", "12345678901234567890123456789012345678.9", "5e10", "-0.00"] {
            assert_eq!(Decimal::parse(text).map(|number| number.to_string()).as_deref(), Some(text));
        }
        for text in ["", "-", ".5", "1.", "1e", "NaN", "1_0", "0x1", "--1", "1e999999999999", "1e-2147483648", " 1"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn decimal128_equals_the_reference() {
        for text in
            ["0", "1.50", "-0.001", "9999999999999999999999999999999999", "1E+6111", "-1E-6176", "1E+3", "-0.00"]
        {
            let reference: bson::Decimal128 = text.parse().expect("a Decimal128");
            let number = Decimal::from_decimal128(&reference.bytes()).expect("finite");
            assert_eq!(number.to_decimal128(), Some(reference.bytes()), "{text}");
            let again: bson::Decimal128 = number.to_string().parse().expect("a Decimal128");
            assert_eq!(again.bytes(), reference.bytes(), "{text}");
        }
        for text in ["NaN", "Infinity", "-Infinity"] {
            let reference: bson::Decimal128 = text.parse().expect("a Decimal128");
            assert_eq!(Decimal::from_decimal128(&reference.bytes()), None);
        }
    }

    #[test]
    fn numbers_convert_only_exactly() {
        let number = |text| Decimal::parse(text).expect("a number");
        assert_eq!(number("-9223372036854775808").to_i64(), Some(i64::MIN));
        assert_eq!(number("9223372036854775808").to_i64(), None);
        assert_eq!(number("1.0").to_i64(), Some(1));
        assert_eq!(number("1.5").to_i64(), None);
        assert_eq!(number("0.10000000000000000001").to_f64_exact(), None);
        assert_eq!(number("-1.10").to_f64_exact(), Some(-1.1));
        assert_eq!(Decimal::from_f64(1e21).map(|number| number.to_string()).as_deref(), Some("1000000000000000000000"));
        assert_eq!(Decimal::from_f64(0.1).map(|number| number.to_string()).as_deref(), Some("0.1"));
        assert_eq!(Decimal::from_f64(f64::NAN), None);
    }
}
