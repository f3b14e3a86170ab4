use tonic::{Code, Status};

use super::wait::wait;
use crate::policies::{Effect, Ending};

/// How an attempt ends with a status that has no source: an answer of the server, or what tonic has made of
/// one. The reasons are in `table.md`; a test holds the two together.
pub(super) fn ending(status: &Status, effect: Effect) -> Ending {
    let after = wait(status);
    let again = Ending::Retry { after };
    let no = || Ending::fail(&failure_code(status.code()), false);
    // A read leaves nothing behind that doubt could be about.
    let unless_read = |ending| if effect == Effect::Read { ending } else { Ending::InDoubt };
    match status.code() {
        Code::InvalidArgument | Code::NotFound | Code::PermissionDenied | Code::Unauthenticated => {
            no()
        }
        Code::AlreadyExists | Code::FailedPrecondition => match effect {
            Effect::Idempotent | Effect::Keyed => Ending::InDoubt,
            Effect::Read | Effect::Unsafe => no(),
        },
        Code::Unimplemented if is_of_an_answer(status) => no(),
        Code::Unimplemented | Code::OutOfRange => unless_read(no()),
        Code::ResourceExhausted if after.is_some() => again,
        Code::ResourceExhausted
        | Code::Aborted
        | Code::Unavailable
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Unknown
        | Code::Internal
        | Code::DataLoss
        | Code::Ok => unless_read(again),
    }
}

/// What tonic makes of an encoding that it does not read has none of the answer's headers.
fn is_of_an_answer(status: &Status) -> bool {
    status.metadata().contains_key("content-type")
}

/// The code of a failure that is known by its status alone.
pub(super) fn failure_code(code: Code) -> String {
    format!("GRPC_{}", name(code))
}

/// As the protocol spells it.
pub(super) fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// In the order of the table's columns.
    const EFFECTS: [Effect; 4] = [Effect::Read, Effect::Idempotent, Effect::Keyed, Effect::Unsafe];
    const WAIT: Duration = Duration::from_millis(7);

    /// Both forms of an answer with this code: with and without a wait, with and without a content type.
    fn status(code: Code, waits: bool, of_an_answer: bool) -> Status {
        let mut status = Status::new(code, "as the server says");
        if waits {
            status.metadata_mut().insert("grpc-retry-pushback-ms", "7".parse().unwrap());
        }
        if of_an_answer {
            status.metadata_mut().insert("content-type", "application/grpc".parse().unwrap());
        }
        status
    }

    /// The endings that the table gives.
    fn written(code: Code, waits: bool, of_an_answer: bool) -> Vec<&'static str> {
        let lines = include_str!("table.md").lines().skip(2);
        let rows: Vec<Vec<&str>> = lines
            .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
            .filter(|row| row[1].contains(&format!("`{}`", name(code))))
            .filter(|row| match row[1].split_once("` ") {
                Some((_, "with a wait")) => waits,
                Some((_, "without one")) => !waits,
                Some((_, "of an answer")) => of_an_answer,
                Some((_, "without a content type")) => !of_an_answer,
                _ => true,
            })
            .collect();
        assert_eq!(rows.len(), 1, "{code:?} is in one row");
        rows[0][2..6].to_vec()
    }

    #[test]
    fn the_table_gives_every_status_one_ending_and_it_is_the_one_that_counts() {
        for code in (0..17).map(Code::from_i32) {
            for (waits, of_an_answer) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let status = status(code, waits, of_an_answer);
                for (effect, written) in EFFECTS.into_iter().zip(written(code, waits, of_an_answer))
                {
                    let expected = match written {
                        "retry" => Ending::Retry { after: waits.then_some(WAIT) },
                        "fail" => Ending::fail(&failure_code(code), false),
                        "in doubt" => Ending::InDoubt,
                        other => panic!("{other}"),
                    };
                    assert_eq!(ending(&status, effect), expected, "{code:?}, {effect:?}");
                }
            }
        }
    }

    #[test]
    fn where_any_effect_leaves_doubt_the_one_that_is_taken_by_default_does() {
        for code in (0..17).map(Code::from_i32) {
            let doubt = |effect| ending(&status(code, false, false), effect) == Ending::InDoubt;
            assert!(!EFFECTS.into_iter().any(doubt) || doubt(Effect::default()), "{code:?}");
        }
    }

    #[test]
    fn a_read_is_never_in_doubt() {
        for code in (0..17).map(Code::from_i32) {
            assert_ne!(ending(&status(code, false, false), Effect::Read), Ending::InDoubt);
        }
    }

    /// What decides about money, once more by hand.
    #[test]
    fn only_a_limit_with_a_wait_lets_a_call_with_an_effect_be_made_again() {
        for code in (0..17).map(Code::from_i32) {
            for effect in [Effect::Idempotent, Effect::Keyed, Effect::Unsafe] {
                for waits in [false, true] {
                    let again = ending(&status(code, waits, true), effect)
                        == Ending::Retry { after: Some(WAIT) };
                    assert_eq!(again, waits && code == Code::ResourceExhausted, "{code:?}");
                }
            }
        }
    }

    #[test]
    fn a_number_that_is_no_code_is_taken_as_unknown() {
        assert_eq!(Code::from_i32(17), Code::Unknown);
        assert_eq!(Code::from_i32(-1), Code::Unknown);
    }

    #[test]
    fn a_failure_code_is_one_that_can_be_stored() {
        for code in (0..17).map(Code::from_i32) {
            let text = failure_code(code);
            assert!(text.len() <= 50 && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        }
    }
}
