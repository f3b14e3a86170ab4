//! What can be said about the rows: the facts that a [`Generator`] makes.

use std::time::Duration;

use orch_core::machine::{ReleaseReason, Resolution, Row};
use orch_core::policies::{Backoff, InDoubt, KindPolicy, Retention};
use orch_core::words::{AttemptEnd, Failure, Fence, Kind, Outcome, Payload, Source, WorkerId};

use super::Generator;
use super::history::{ANOTHER, OURS, fence};
use crate::fixture::{kind, other_kind};

impl Generator {
    /// One of the two kinds.
    pub fn kind(&mut self) -> Kind {
        if self.rng.bool() { kind() } else { other_kind() }
    }

    /// None, some or all of the kinds.
    pub fn some_kinds(&mut self) -> Vec<Kind> {
        [kind(), other_kind()].into_iter().filter(|_| self.rng.bool()).collect()
    }

    /// The rules of a kind.
    pub fn policy(&mut self, kind: Kind) -> KindPolicy {
        let base = self.one(&[1000, 2000]);
        KindPolicy {
            max_attempts: self.rng.u32(1..5),
            max_uncounted: self.rng.u32(..4),
            backoff: Backoff::from_millis(base, base * 4),
            in_doubt: self.one(&InDoubt::ALL),
            max_reconciles: self.rng.u32(1..4),
            replays_errors: self.rng.bool(),
            hooked: self.rng.bool(),
            retention: self.retention(),
            ..KindPolicy::new(kind)
        }
    }

    fn retention(&mut self) -> Retention {
        let spans = [0, 1, 604_800, 2_592_001, u64::MAX].map(Duration::from_secs);
        Retention::new(self.one(&spans), self.one(&spans))
    }

    /// A worker.
    pub fn worker(&mut self) -> WorkerId {
        WorkerId::from_stored(format!("worker-{}", self.rng.u8(..4)))
    }

    /// How an attempt or a reconcile has ended: definite, or one that may go on.
    pub fn end(&mut self, definite: bool) -> AttemptEnd {
        let outcome = match (definite, self.rng.u8(..7)) {
            (true, 0) => Outcome::Fail(self.failure()),
            (true, _) => Outcome::Ok { output: self.payload() },
            (false, 0) => {
                let after = self.rng.bool().then(|| self.delay());
                Outcome::Retry { reason: self.text(), after }
            }
            (false, 1) => return AttemptEnd::NotHappened,
            (false, 2) => {
                return AttemptEnd::Unreadable { output: self.payload(), reason: self.text() };
            }
            (false, 3) => {
                let after = self.rng.bool().then(|| self.delay());
                return AttemptEnd::StillRunning { reason: self.text(), after };
            }
            (false, 4) => return AttemptEnd::AlreadyDone { reason: self.text() },
            (false, 5) => {
                let after = self.rng.bool().then(|| self.delay());
                return AttemptEnd::Submitted { reason: self.text(), after };
            }
            (false, _) => return AttemptEnd::InDoubt { reason: self.text() },
        };
        AttemptEnd::Outcome(outcome)
    }

    /// A worker's word, or the provider's.
    pub fn source(&mut self) -> Source {
        self.one(&[Source::Handler, Source::Reconcile])
    }

    /// The fence of the latest claim, mostly; or of one before, of one in another history of the
    /// database, or of one that never was.
    pub fn fence(&mut self, row: &Row) -> Fence {
        if row.fence.count() == 0 {
            let off = self.one(&[0, 0, 0, 0, 0, -1, -2, 1]);
            return Fence::new(row.fence.get() + off);
        }
        let off = self.one(&[0, 0, 0, -1, -2, 1]);
        let history = self.one(&[OURS, OURS, OURS, ANOTHER]);
        fence(row.fence.count() + off, history)
    }

    /// Why a claim is given back.
    pub fn release_reason(&mut self) -> ReleaseReason {
        match self.rng.u8(..3) {
            0 => ReleaseReason::Unstarted,
            1 => ReleaseReason::Unrunnable { reason: self.text() },
            _ => ReleaseReason::Unhandled { reason: self.text() },
        }
    }

    /// What an operator decides.
    pub fn resolution(&mut self) -> Resolution {
        match self.rng.u8(..5) {
            0 => Resolution::Ok(self.payload()),
            1 => Resolution::Fail(self.failure()),
            2 => Resolution::RunHook,
            3 => Resolution::SkipHook,
            _ => Resolution::RunAgain,
        }
    }

    pub(super) fn failure(&mut self) -> Failure {
        let cause = self.text();
        Failure::new("CARD_DECLINED", &self.text())
            .cause(self.rng.bool().then_some(cause.as_str()))
            .uncertain(self.rng.bool())
    }

    pub(super) fn payload(&mut self) -> Payload {
        Payload::from(self.one(&["{\"amount\":5}", "", "\u{0} no json", "\"주\""]))
    }
}
