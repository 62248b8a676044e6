//! This file parses a rate such as `10/s` or `100/min`.
//! It does not limit anything.

use std::{fmt, str::FromStr, time::Duration};

use thiserror::Error;

/// So many per so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate {
    /// How many; 0 means none ever.
    pub count: u32,
    /// In what time; never zero once parsed.
    pub per: Duration,
}

impl Rate {
    /// The time from one to the next at this rate, in nanoseconds; none if the rate is 0.
    #[must_use]
    pub fn interval_nanos(self) -> Option<u64> {
        let nanos = self.per.as_nanos().checked_div(u128::from(self.count))?;
        u64::try_from(nanos).ok()
    }

    /// How many in a second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        if self.count == 0 { 0.0 } else { f64::from(self.count) / self.per.as_secs_f64() }
    }
}

/// Why a text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a rate is a whole number, a slash and s, min, h or d, such as \"10/s\" or \"100/min\"")]
pub struct RateError;

/// Words and their seconds; the first word of a unit is how it prints.
const UNITS: &[(&str, u64)] = &[
    ("s", 1),
    ("sec", 1),
    ("min", 60),
    ("m", 60),
    ("h", 3_600),
    ("hour", 3_600),
    ("day", 86_400),
    ("d", 86_400),
];

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (count, unit) = text.split_once('/').ok_or(RateError)?;
        let count = count.trim().parse().map_err(|_| RateError)?;
        let unit = unit.trim();
        let (_, seconds) = UNITS.iter().find(|(word, _)| *word == unit).ok_or(RateError)?;
        Ok(Self { count, per: Duration::from_secs(*seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.per.as_secs();
        match UNITS.iter().find(|(_, unit)| *unit == seconds) {
            Some((word, _)) => write!(f, "{}/{word}", self.count),
            None => write!(f, "{} in {:?}", self.count, self.per),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(u32, u64)>) {
        let got = text.parse::<Rate>().ok().map(|rate| (rate.count, rate.per.as_secs()));
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn a_rate_is_a_number_a_slash_and_a_unit() {
        check("10/s", Some((10, 1)));
        check("100/min", Some((100, 60)));
        check(" 5 / h ", Some((5, 3_600)));
        check("1/day", Some((1, 86_400)));
        check("0/s", Some((0, 1)));
    }

    #[test]
    fn anything_else_is_none() {
        for text in
            ["", "10", "/s", "10/", "10/fortnight", "-1/s", "1.5/s", "10/s/s", "99999999999/s"]
        {
            check(text, None);
        }
    }

    #[test]
    fn the_interval_is_the_time_divided_by_the_count() {
        let nanos = |text: &str| text.parse::<Rate>().unwrap().interval_nanos();
        assert_eq!(nanos("10/s"), Some(100_000_000));
        assert_eq!(nanos("100/min"), Some(600_000_000));
        assert_eq!(nanos("0/s"), None);
    }

    #[test]
    fn prints_as_it_is_written() {
        for text in ["10/s", "100/min", "3/h"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }
}
