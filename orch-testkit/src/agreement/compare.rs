//! What is within the jitter of a backoff is equal.

use orch_core::machine::{Row, Step};
use orch_core::words::Timestamp;

use super::Kept;

/// The steps between which a row must lie. Where the jitter decides whether there is time for
/// another attempt, that is the one that has gone where this row is.
pub(super) fn around<'s>([least, most]: &'s [Step; 2], got: &Kept) -> [&'s Step; 2] {
    let place = |row: &Row| (row.status, row.phase);
    match [least, most].map(|step| place(&step.row) == place(&got.row)) {
        [true, false] => [least, least],
        [false, true] => [most, most],
        _ => [least, most],
    }
}

/// What was got with the instants of `least` in place of those that lie between the two.
pub(super) fn between(mut got: Kept, least: &Kept, most: &Kept) -> Kept {
    let within = |got: Option<Timestamp>, least: Option<Timestamp>, most: Option<Timestamp>| {
        let inside = least <= got && got <= most && got.is_some() == least.is_some();
        if inside { least } else { got }
    };
    got.row.due_at = within(got.row.due_at, least.row.due_at, most.row.due_at);
    for (entry, (least, most)) in got.log.iter_mut().zip(least.log.iter().zip(&most.log)) {
        entry.due_at = within(entry.due_at, least.due_at, most.due_at);
    }
    got
}
