//! Rows for the unit tests of the machine.

use std::time::Duration;

use super::Row;
use crate::policies::KindPolicy;
use crate::words::{AttemptEnd, Fence, Kind, OpId, Outcome, Phase, Status, Timestamp, WorkerId};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

pub(super) fn kind() -> Kind {
    Kind::new("PAYMENT", "CHARGE").unwrap()
}

/// The first of three attempts holds a lease to second 130; the deadline is at second 200.
pub(super) fn running() -> Row {
    let pending = Row::accepted(OpId::generate(), kind(), Duration::from_secs(150), at(50));
    Row {
        status: Status::InProgress,
        phase: Some(Phase::Running),
        attempt: 1,
        fence: Fence::new(1),
        due_at: None,
        lease_expires_at: Some(at(130)),
        worker: Some(WorkerId::from_stored("w-1".to_owned())),
        started_at: Some(at(100)),
        policy: KindPolicy { max_reconciles: 2, ..KindPolicy::new(kind()) },
        ..pending
    }
}

pub(super) fn retry() -> AttemptEnd {
    AttemptEnd::Outcome(Outcome::Retry { reason: "busy".into(), after: None })
}

pub(super) fn still_running() -> AttemptEnd {
    AttemptEnd::StillRunning { reason: "at work".into(), after: None }
}

pub(super) fn already_done() -> AttemptEnd {
    AttemptEnd::AlreadyDone { reason: "paid".into() }
}

pub(super) fn in_doubt() -> AttemptEnd {
    AttemptEnd::InDoubt { reason: "no answer".into() }
}
