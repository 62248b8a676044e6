//! This file reads how long a server wants to be left alone.
//!
//! Pure: `now` is an argument. It leaves keeping quiet to others.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

/// No server is left alone for longer than this on its word.
const MOST: Duration = Duration::from_secs(300);
/// How long where a server that is asked too often names no time.
const UNSAID: Duration = Duration::from_secs(1);

/// How long the server wants no requests, if that is what its answer says.
pub(super) fn wanted_pause(
    status: StatusCode,
    headers: &HeaderMap,
    now: SystemTime,
) -> Option<Duration> {
    let named = named(headers, now).map(|wait| wait.min(MOST));
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some(named.unwrap_or(UNSAID)),
        StatusCode::SERVICE_UNAVAILABLE => named,
        _ => None,
    }
}

fn named(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    let text = text(RETRY_AFTER.as_str())?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(http_date(text)?);
    Some(at.duration_since(now).unwrap_or_default())
}

/// Seconds since 1970 of a date like `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = text.split_once(", ")?;
    let words: Vec<&str> = date.split(' ').collect();
    let [day, month, year, time, "GMT"] = words[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let clock: Vec<u64> = time.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [hour, minute, second] = clock[..] else { return None };
    let lawful = (1..=31).contains(&day) && (1970..=9999).contains(&year);
    if !lawful || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days since 1970 with the year beginning in March, so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Some((days - 719_469) * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1994-11-06T08:49:37Z.
    const NOW: u64 = 784_111_777;

    #[track_caller]
    fn check(status: u16, header: &str, expected: Option<f64>) {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header.split_once(": ") {
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        let found = wanted_pause(StatusCode::from_u16(status).unwrap(), &headers, now);
        assert_eq!(found.map(|wait| wait.as_secs_f64()), expected, "{status} {header}");
    }

    #[test]
    fn a_pause_is_named_in_seconds_milliseconds_or_as_a_date() {
        check(429, "retry-after: 7", Some(7.0));
        check(503, "retry-after: 0", Some(0.0));
        check(429, "retry-after-ms: 250", Some(0.25));
        check(429, "retry-after: Sun, 06 Nov 1994 08:50:07 GMT", Some(30.0));
        check(429, "retry-after: Sun, 06 Nov 1994 08:00:00 GMT", Some(0.0));
    }

    #[test]
    fn no_pause_is_longer_than_five_minutes() {
        check(429, "retry-after: 86400", Some(300.0));
        check(429, "retry-after: 99999999999999999999999", Some(300.0));
        check(503, "retry-after: Wed, 21 Oct 2015 07:28:00 GMT", Some(300.0));
    }

    #[test]
    fn what_cannot_be_read_is_one_second_for_429_and_no_pause_for_503() {
        for header in ["", "retry-after: soon", "retry-after: -1", "retry-after-ms: NaN"] {
            check(429, header, Some(1.0));
            check(503, header, None);
        }
        check(503, "retry-after: Sun, 06 Nov 1994 08:49:37 CET", None);
        check(500, "retry-after: 7", None);
        check(200, "retry-after: 7", None);
    }

    #[test]
    fn dates_are_read_around_leap_days() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(NOW)),
            ("Tue, 29 Feb 2000 23:59:59 GMT", Some(951_868_799)),
            ("Wed, 01 Mar 2000 00:00:00 GMT", Some(951_868_800)),
            ("Mon, 01 Mar 2100 00:00:00 GMT", Some(4_107_542_400)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("Sun, 06 Nov 0001 00:00:00 GMT", None),
        ] {
            assert_eq!(http_date(text), expected, "{text}");
        }
    }
}
