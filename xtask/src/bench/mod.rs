//! Measures what the promises say, and prints medians and ratios.

pub mod transform;
