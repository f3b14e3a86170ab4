use std::time::Duration;

use http::StatusCode;

use crate::policies::Effect;
use crate::policies::Ending;

/// How an attempt ends with this status, which is no 2xx. The reasons and their sources stand in
/// `table.md`; a test holds the two together.
pub(super) fn ending(status: StatusCode, retry_after: Option<Duration>, effect: Effect) -> Ending {
    let refused = Ending::Retry { after: retry_after };
    let no = || Ending::fail(&code(status), false);
    // A read leaves nothing behind that doubt could be about.
    let unless_read = |ending| if effect == Effect::Read { ending } else { Ending::InDoubt };
    match status.as_u16() {
        407 | 421 | 425 | 429 | 511 => refused,
        413 | 503 if retry_after.is_some() => refused,
        307 | 308 | 501 | 505 => no(),
        409 | 412 if matches!(effect, Effect::Idempotent | Effect::Keyed) => Ending::InDoubt,
        408 | 499 => unless_read(refused),
        300..=399 => unless_read(no()),
        400..=499 => no(),
        _ => unless_read(refused),
    }
}

/// The code of a failure that is known by its status alone.
pub(super) fn code(status: StatusCode) -> String {
    format!("HTTP_{}", status.as_u16())
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use http::HeaderMap;
    use http::header::RETRY_AFTER;
    use proptest::prelude::*;

    use super::super::HttpOutcome;
    use super::*;
    use crate::words::Timestamp;

    /// In the order of the table's columns.
    const EFFECTS: [Effect; 4] = [Effect::Read, Effect::Idempotent, Effect::Keyed, Effect::Unsafe];
    const WAIT: Duration = Duration::from_secs(7);

    /// One row of the table.
    struct Row {
        statuses: Vec<RangeInclusive<u16>>,
        /// Whether it counts for an answer with `Retry-After`, and for one without.
        with: bool,
        without: bool,
        endings: Vec<String>,
    }

    fn row(line: &str) -> Row {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (statuses, with, without) = match cells[1].split_once(" with") {
            Some((statuses, rest)) => {
                let without = rest.starts_with("out");
                (statuses, !without, without)
            }
            None => (cells[1], true, true),
        };
        let range = |text: &str| {
            let (first, last) = text.split_once('–').unwrap_or((text, text));
            first.parse().unwrap()..=last.parse().unwrap()
        };
        Row {
            statuses: statuses.split(", ").map(range).collect(),
            with,
            without,
            endings: cells[2..6].iter().map(ToString::to_string).collect(),
        }
    }

    /// The rows that speak of this answer.
    fn rows(status: u16, told_to_wait: bool) -> Vec<Row> {
        let lines = include_str!("table.md").lines().skip(2).map(row);
        lines
            .filter(|row| if told_to_wait { row.with } else { row.without })
            .filter(|row| row.statuses.iter().any(|range| range.contains(&status)))
            .collect()
    }

    fn outcome(status: u16, told_to_wait: bool, effect: Effect) -> Option<HttpOutcome> {
        let mut headers = HeaderMap::new();
        if told_to_wait {
            headers.insert(RETRY_AFTER, WAIT.as_secs().into());
        }
        let status = StatusCode::from_u16(status).unwrap();
        HttpOutcome::at(status, &headers, Timestamp::from_micros(0))
            .map(|outcome| outcome.for_effect(effect))
    }

    fn ending_of(status: u16, told_to_wait: bool, effect: Effect) -> Option<Ending> {
        outcome(status, told_to_wait, effect).map(|outcome| outcome.ending())
    }

    #[test]
    fn the_table_gives_every_status_one_ending_and_it_is_the_one_that_counts() {
        for status in 100..=599 {
            for told_to_wait in [false, true] {
                let rows = rows(status, told_to_wait);
                assert_eq!(rows.len(), 1, "{status} is in one row, {told_to_wait}");
                for (effect, written) in EFFECTS.into_iter().zip(&rows[0].endings) {
                    let after = told_to_wait.then_some(WAIT);
                    let expected = match written.as_str() {
                        "no error" => None,
                        "retry" => Some(Ending::Retry { after }),
                        "fail" => Some(Ending::fail(&format!("HTTP_{status}"), false)),
                        "in doubt" => Some(Ending::InDoubt),
                        other => panic!("{other}"),
                    };
                    assert_eq!(ending_of(status, told_to_wait, effect), expected, "{status}");
                }
            }
        }
    }

    #[test]
    fn where_any_effect_leaves_doubt_the_one_that_is_taken_by_default_does() {
        for status in 100..=999 {
            for told_to_wait in [false, true] {
                let doubt =
                    |effect| ending_of(status, told_to_wait, effect) == Some(Ending::InDoubt);
                assert!(!EFFECTS.into_iter().any(doubt) || doubt(Effect::default()), "{status}");
            }
        }
    }

    #[test]
    fn a_read_is_never_in_doubt() {
        for status in 100..=999 {
            assert_ne!(ending_of(status, false, Effect::Read), Some(Ending::InDoubt), "{status}");
        }
    }

    #[test]
    fn a_number_that_is_no_status_is_taken_as_500() {
        for (status, effect) in (600..=999).flat_map(|s| EFFECTS.map(|effect| (s, effect))) {
            assert_eq!(ending_of(status, false, effect), ending_of(500, false, effect), "{status}");
        }
    }

    /// What decides about money, once more by hand.
    #[test]
    fn only_a_refusal_lets_a_call_with_an_effect_be_made_anew() {
        let retried = |status: &u16| {
            let ending = ending_of(*status, false, Effect::Unsafe);
            matches!(ending, Some(Ending::Retry { .. }))
        };
        let all: Vec<u16> = (100..=999).filter(retried).collect();
        assert_eq!(all, [407, 421, 425, 429, 511]);
    }

    proptest! {
        #[test]
        fn an_answer_has_an_ending_whatever_its_headers_hold(
            status in 100_u16..=999,
            effect in 0_usize..4,
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = http::HeaderValue::from_bytes(&bytes) {
                headers.insert(RETRY_AFTER, value);
            }
            let status = StatusCode::from_u16(status).unwrap();
            let outcome = HttpOutcome::at(status, &headers, Timestamp::from_micros(0));
            prop_assert_eq!(outcome.is_none(), status.is_success());
            if let Some(outcome) = outcome.map(|outcome| outcome.for_effect(EFFECTS[effect])) {
                let ending = Ending::from(&outcome);
                let definite = matches!(&ending,
                    Ending::Fail { code, uncertain: false, clears_doubt: false } if *code == format!("HTTP_{}", status.as_u16()));
                let again = ending == Ending::Retry { after: outcome.retry_after() };
                let doubt = ending == Ending::InDoubt;
                prop_assert_eq!(u8::from(definite) + u8::from(again) + u8::from(doubt), 1);
            }
        }
    }
}
