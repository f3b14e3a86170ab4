use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{AsHeaderName, DATE, RETRY_AFTER};

use crate::policies::MAX_TIME_BUDGET;
use crate::words::Timestamp;

/// The longest wait that `Retry-After` is taken to ask for: that of the longest time budget. No
/// operation lives longer, so a longer wait means the same.
pub const LONGEST_WAIT: Duration = MAX_TIME_BUDGET;

/// How long the provider asks not to be called, as `Retry-After` says in seconds or as a date
/// (RFC 9110 §10.2.3); zero for a date that has passed, `None` if it is missing or cannot be parsed.
///
/// The date is the provider's, so it is compared with the provider's own `Date`: a host whose
/// clock is wrong waits as long as one whose clock is right. Only where that is missing does the
/// host's clock used instead: `now`.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let asked = text(headers, RETRY_AFTER)?;
    let wait = match seconds(asked) {
        Some(wait) => wait,
        None => {
            let until = httpdate::parse_http_date(asked).ok()?;
            until.duration_since(sent_at(headers, now)).unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

/// Digits only: no sign, no fraction. More of them than fit are a wait without end.
fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

fn sent_at(headers: &HeaderMap, now: Timestamp) -> SystemTime {
    text(headers, DATE)
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(|| now.into())
}

fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const DATE_SENT: &str = "Sun, 22 Nov 2026 10:00:00 GMT";
    /// What the host's clock shows: 2026-01-01T00:00:00Z, far from what the provider's does.
    const HOST: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn asked(retry_after: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static(DATE_SENT));
        headers.insert(RETRY_AFTER, HeaderValue::from_bytes(retry_after.as_bytes()).unwrap());
        super::retry_after(&headers, HOST)
    }

    #[test]
    fn seconds_are_read() {
        assert_eq!(asked("0"), Some(Duration::ZERO));
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked(" 007 "), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_date_is_read_in_all_three_forms_against_the_providers_own_clock() {
        for date in [
            "Sun, 22 Nov 2026 10:01:30 GMT",
            "Sunday, 22-Nov-26 10:01:30 GMT",
            "Sun Nov 22 10:01:30 2026",
        ] {
            assert_eq!(asked(date), Some(Duration::from_secs(90)), "{date}");
        }
    }

    #[test]
    fn a_date_that_has_passed_is_no_wait() {
        assert_eq!(asked("Sun, 22 Nov 2026 09:59:59 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn an_absurd_wait_is_capped() {
        for absurd in ["31536001", "18446744073709551616", "9".repeat(400).as_str()] {
            assert_eq!(asked(absurd), Some(LONGEST_WAIT), "{absurd}");
        }
        assert_eq!(asked("Fri, 31 Dec 9999 23:59:59 GMT"), Some(LONGEST_WAIT));
    }

    #[test]
    fn what_is_not_legible_is_not_there() {
        for odd in ["", "-1", "1.5", "+3", "1s", "soon", "Sun, 31 Feb 2026 10:00:00 GMT", "٣", "ÿ"]
        {
            assert_eq!(asked(odd), None, "{odd}");
        }
        assert_eq!(super::retry_after(&HeaderMap::new(), HOST), None);
    }

    #[test]
    fn without_the_providers_date_the_hosts_clock_stands_in() {
        let mut headers = HeaderMap::new();
        let until = httpdate::fmt_http_date(HOST.plus(Duration::from_secs(1000)).into());
        headers.insert(RETRY_AFTER, until.parse().unwrap());
        assert_eq!(super::retry_after(&headers, HOST), Some(Duration::from_secs(1000)));
    }
}
