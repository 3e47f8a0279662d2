//! Exact decimals of any length.

use std::fmt;

/// A decimal number, exactly: equal numbers are equal values, however they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// Without leading or trailing zeros; empty is zero.
    digits: String,
    /// The value is `0.digits` times ten to this power; 0 for zero.
    exponent: i32,
}

impl Decimal {
    /// Reads plain or scientific notation; `None` for anything else, NaN and infinity included.
    pub fn parse(_text: &str) -> Option<Self> {
        None
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}e{}", self.negative, self.digits, self.exponent)
    }
}
