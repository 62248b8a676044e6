//! This file parses and prints durations such as `250ms` or `1h30m`.
//! It does not know which durations make sense where.

use std::time::Duration;

use thiserror::Error;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DurationError {
    /// A number without a unit.
    #[error(
        "a duration needs a unit: write \"{number}ms\", \"{number}s\", \"{number}m\" or \"{number}h\""
    )]
    NoUnit {
        /// The number.
        number: String,
    },
    /// Not numbers and units.
    #[error("a duration is written as \"250ms\", \"30s\", \"5m\", \"1h\" or \"1h30m\"")]
    Malformed,
    /// Longer than ten years.
    #[error("a duration is at most 87600h")]
    TooLong,
}

/// Units and their milliseconds, the larger first.
const UNITS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const MILLIS_MAX: u64 = 87_600 * 3_600_000;

/// Reads `250ms`, `30s`, `5m`, `1h`, `1h30m`, `1.5s`; the units fall from large to small.
///
/// # Errors
/// If a number has no unit, a unit is unknown or out of order, or the whole is longer
/// than ten years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    let bare = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if bare && text.parse::<f64>().is_ok() {
        return Err(DurationError::NoUnit { number: text.to_owned() });
    }
    let (mut rest, mut millis, mut units) = (text, 0_u64, UNITS);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(end_of(rest, |c| c.is_ascii_digit() || c == '.'));
        let (unit, tail) = tail.split_at(end_of(tail, |c| c.is_ascii_alphabetic()));
        let at = units.iter().position(|(word, _)| *word == unit);
        let at = at.ok_or(DurationError::Malformed)?;
        millis = millis.checked_add(scaled(number, units[at].1)?).ok_or(DurationError::TooLong)?;
        units = &units[at + 1..];
        rest = tail.trim_start();
    }
    match millis {
        _ if text.is_empty() => Err(DurationError::Malformed),
        0..=MILLIS_MAX => Ok(Duration::from_millis(millis)),
        _ => Err(DurationError::TooLong),
    }
}

fn end_of(text: &str, within: impl Fn(char) -> bool) -> usize {
    text.find(|c| !within(c)).unwrap_or(text.len())
}

/// `1.5` times a unit of so many milliseconds, in integers.
fn scaled(number: &str, unit: u64) -> Result<u64, DurationError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(DurationError::Malformed);
    }
    let scale = 10_u64.pow(u32::try_from(fraction.len()).unwrap_or(9));
    let part = u128::from(fraction.parse::<u64>().map_err(|_| DurationError::Malformed)?)
        * u128::from(unit)
        / u128::from(scale);
    let whole = whole.parse::<u64>().map_err(|_| DurationError::TooLong)?;
    let part = u64::try_from(part).map_err(|_| DurationError::TooLong)?;
    whole.checked_mul(unit).and_then(|whole| whole.checked_add(part)).ok_or(DurationError::TooLong)
}

/// Prints a duration so that [`parse_duration`] reads it again, down to milliseconds.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (word, unit) in UNITS.iter().skip(1) {
        if rest >= *unit {
            text.push_str(&format!("{}{word}", rest / unit));
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, millis: u64) {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }

    #[test]
    fn a_duration_is_numbers_with_units_from_large_to_small() {
        check("250ms", 250);
        check("30s", 30_000);
        check("5m", 300_000);
        check("1h", 3_600_000);
        check("1h30m", 5_400_000);
        check("1h 30m", 5_400_000);
        check("2d", 172_800_000);
        check("1.5s", 1_500);
        check("0s", 0);
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = parse_duration(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }

    #[test]
    fn a_bare_number_is_told_what_to_write() {
        refused("30", "write \"30ms\", \"30s\"");
        refused("1.5", "\"1.5s\"");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "s", "30 s", "30x", "30m1h", "1s1s", "-1s", "1..5s", ".5s", "5.s", "1h30"]
        {
            refused(text, "is written as");
        }
        refused("87601h", "at most");
        refused("99999999999999999999s", "at most");
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_is_read_again(millis in 0..MILLIS_MAX) {
            let duration = Duration::from_millis(millis);
            proptest::prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_brings_it_down(text in "[0-9.a-z ]{0,24}") {
            let _ = parse_duration(&text);
        }
    }
}
