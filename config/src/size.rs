//! This file parses and prints sizes such as `16MiB`.
//! It does not know which sizes make sense where.

use thiserror::Error;

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SizeError {
    /// A number without a unit.
    #[error("a size needs a unit: write \"{number}B\", \"{number}KiB\" or \"{number}MiB\"")]
    NoUnit {
        /// The number.
        number: String,
    },
    /// Not a number and a unit.
    #[error("a size is written as \"512B\", \"64KiB\", \"4MB\" or \"16MiB\"")]
    Malformed,
    /// More than fits.
    #[error("a size is at most 1TiB")]
    TooLarge,
}

/// Units and their bytes; those that print come first, the larger before the smaller.
const UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
];

const BYTES_MAX: u64 = 1 << 40;

/// Reads `512B`, `64KiB`, `4MB`, `16MiB` or `1GiB` as bytes.
///
/// # Errors
/// If the number is not whole, the unit is missing or unknown, or it is more than 1 TiB.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(SizeError::Malformed);
    }
    if unit.is_empty() {
        return Err(SizeError::NoUnit { number: number.to_owned() });
    }
    let unit = unit.trim_start();
    let (_, unit) = UNITS.iter().find(|(word, _)| *word == unit).ok_or(SizeError::Malformed)?;
    let number = number.parse::<u64>().map_err(|_| SizeError::TooLarge)?;
    let bytes = number.checked_mul(*unit).filter(|bytes| *bytes <= BYTES_MAX);
    bytes.ok_or(SizeError::TooLarge)
}

/// Prints a size in the largest unit that leaves no remainder.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    let fits = |unit: u64| bytes >= unit && bytes.is_multiple_of(unit);
    let (word, unit) = UNITS.iter().find(|(_, unit)| fits(*unit)).unwrap_or(&("B", 1));
    format!("{}{word}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_and_a_unit() {
        for (text, bytes) in [
            ("512B", 512),
            ("64KiB", 65_536),
            ("64 KiB", 65_536),
            ("4MB", 4_000_000),
            ("16MiB", 16_777_216),
            ("1GiB", 1_073_741_824),
            ("0B", 0),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn anything_else_is_told_the_rule() {
        for (text, expected) in [
            ("16", "write \"16B\", \"16KiB\""),
            ("", "is written as"),
            ("MiB", "is written as"),
            ("1.5MiB", "is written as"),
            ("16mib", "is written as"),
            ("-1B", "is written as"),
            ("99999999999GiB", "at most"),
            ("99999999999999999999999B", "at most"),
        ] {
            let error = parse_size(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_is_read_again(bytes in 0..=BYTES_MAX) {
            proptest::prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }
    }
}
