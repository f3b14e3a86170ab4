use std::time::Duration;

use crate::words::FinalOutcome;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a COMPLETED operation is kept, and with it the answer to a repeated request.
pub const DEFAULT_COMPLETED_RETENTION: Duration = DAY.saturating_mul(7);
/// How long a FAILED operation and its dead letter are kept for an operator.
pub const DEFAULT_FAILED_RETENTION: Duration = DAY.saturating_mul(30);
/// The shortest retention that can be declared.
pub const MIN_RETENTION: Duration = Duration::from_secs(1);
/// The longest retention: 50 years. Every claim writes both, as seconds in 32 bits.
pub const MAX_RETENTION: Duration = DAY.saturating_mul(50 * 365);
/// How long a finished operation is kept whose row does not say when it expires: an earlier release
/// has ended it. A year, so that an upgrade forgets no answer earlier than the setting that it replaces: a
/// repeated request would call again.
pub const UNDATED_RETENTION: Duration = DAY.saturating_mul(365);

/// How long the finished operations of a kind are kept: whole seconds, as a claim writes them into
/// the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    completed: Duration,
    failed: Duration,
}

impl Retention {
    /// What holds unless something else is declared or configured.
    pub const DEFAULT: Self = Self::new(DEFAULT_COMPLETED_RETENTION, DEFAULT_FAILED_RETENTION);

    /// So long, rounded up to whole seconds; at most [`MAX_RETENTION`].
    #[must_use]
    pub const fn new(completed: Duration, failed: Duration) -> Self {
        Self { completed: stored(completed), failed: stored(failed) }
    }

    /// How long a COMPLETED operation is kept.
    #[must_use]
    pub const fn completed(self) -> Duration {
        self.completed
    }

    /// How long a FAILED operation is kept.
    #[must_use]
    pub const fn failed(self) -> Duration {
        self.failed
    }

    /// How long an operation with this outcome is kept.
    #[must_use]
    pub const fn after(self, outcome: &FinalOutcome) -> Duration {
        match outcome {
            FinalOutcome::Ok(_) => self.completed,
            FinalOutcome::Failed(_) => self.failed,
        }
    }
}

/// Never shorter than what was asked for, except beyond the longest.
const fn stored(span: Duration) -> Duration {
    let seconds = span.as_secs().saturating_add((span.subsec_nanos() > 0) as u64);
    let longest = MAX_RETENTION.as_secs();
    Duration::from_secs(if seconds < longest { seconds } else { longest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Failure, Payload};

    #[test]
    fn it_is_rounded_up_to_what_a_row_can_hold() {
        let (ns, s) = (Duration::from_nanos, Duration::from_secs);
        for (given, kept) in [
            (ns(0), s(0)),
            (ns(1), s(1)),
            (s(1), s(1)),
            (s(1) + ns(1), s(2)),
            (Duration::MAX, MAX_RETENTION),
        ] {
            let retention = Retention::new(given, s(9));
            assert_eq!((retention.completed(), retention.failed()), (kept, s(9)));
        }
        assert!(i32::try_from(MAX_RETENTION.as_secs()).is_ok());
    }

    #[test]
    fn each_outcome_has_its_own() {
        let retention = Retention::new(Duration::from_secs(1), Duration::from_secs(2));
        let completed = FinalOutcome::Ok(Payload::default());
        assert_eq!(retention.after(&completed), Duration::from_secs(1));
        let failed = FinalOutcome::Failed(Failure::new("NO", "no"));
        assert_eq!(retention.after(&failed), Duration::from_secs(2));
    }
}
