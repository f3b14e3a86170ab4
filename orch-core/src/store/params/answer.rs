//! What a provider says later, in a message of its own.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Swept;
use crate::machine::{Answer, Message};
use crate::store::codec::EncodedEnd;
use crate::words::{AttemptEnd, ClaimId, Kind, OpId, Outcome, Reference, Timestamp};

/// How long a recorded answer is kept, whether an operation was found for it or not: 30 days. A message
/// that comes again within that time is known.
pub const ANSWER_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The most answers that wait for an operation; beyond it one that no operation is known for is refused.
pub const MAX_UNMATCHED: usize = 100_000;
/// The most different answers about one reference.
pub const MAX_ANSWERS: usize = 16;

/// The longest pause between two looks at an answer that no operation is known for.
const LONGEST_UNMATCHED: Duration = Duration::from_secs(60 * 60);
/// The same for one that waits for an attempt to end.
const LONGEST_KEPT: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);

/// An answer to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordParams {
    /// What it is about.
    pub of: Reference,
    /// The kind of operation that it is an answer for.
    pub kind: Kind,
    /// What it says: that the provider has acted, that it refused for good, or that it has not acted.
    pub end: AttemptEnd,
    /// Where it comes from, storable: `webhook evt_1`.
    pub source: String,
}

impl RecordParams {
    /// Tells this answer from others about the same reference, whatever its source: 16 bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        let end = EncodedEnd::of(&self.end);
        let detail = end.detail.as_deref().unwrap_or_default();
        let output = end.output.as_ref().map(|output| output.as_bytes()).unwrap_or_default();
        let mut hash = Sha256::new();
        for part in
            [self.kind.to_string().as_bytes(), end.outcome.as_bytes(), detail.as_bytes(), output]
        {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        digest
    }
}

/// What became of an answer to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedAnswer {
    /// It is kept, and will be applied.
    Kept,
    /// The same answer about the same reference was kept before.
    Known,
    /// There is no room: too many answers wait for an operation, or this reference has too many.
    Full,
}

/// Which of the answers kept to apply.
#[derive(Debug, Clone)]
pub struct AnswerParams {
    /// Those about this reference, at once; `None` for those that are due.
    pub of: Option<Reference>,
    /// The kinds that have a finalize hook, as far as this process knows.
    pub hooked_kinds: Vec<Kind>,
    /// At most so many.
    pub limit: usize,
}

/// A kept answer, as a store reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// What it is about.
    pub of: Reference,
    /// The kind of operation that it is an answer for.
    pub kind: Kind,
    /// What it says.
    pub end: AttemptEnd,
    /// Where it comes from.
    pub source: String,
    /// What tells it from others about the same reference.
    pub digest: [u8; 16],
    /// When it was recorded.
    pub received_at: Timestamp,
    /// True once it was looked at and had to wait.
    pub has_waited: bool,
}

impl KeptAnswer {
    /// True if it says that the provider has acted.
    #[must_use]
    pub const fn has_acted(&self) -> bool {
        matches!(self.end, AttemptEnd::Outcome(Outcome::Ok { .. }))
    }

    /// The message as the machine takes it.
    #[must_use]
    pub fn message<'a>(&'a self, hooked_kinds: &'a [Kind], whole_since: u32) -> Message<'a> {
        Message {
            end: &self.end,
            source: &self.source,
            id: self.claim_id(),
            is_new: !self.has_waited,
            hooked_kinds,
            whole_since,
        }
    }

    /// The id that a take-over by it has, the same each time.
    #[must_use]
    pub fn claim_id(&self) -> ClaimId {
        let mut bits = [0; 8];
        bits.copy_from_slice(&self.digest[..8]);
        ClaimId::of(u64::from_be_bytes(bits))
    }

    /// What follows once it was put to the operation that it is about: when it is looked at again, `None` if
    /// never, and what has moved. `matched` is that operation; no answer means that it cannot be told now.
    #[must_use]
    pub fn follow(
        &self,
        matched: Option<OpId>,
        told: Option<Answer>,
        now: Timestamp,
    ) -> (Option<Timestamp>, Option<Swept>) {
        match (matched, told) {
            (Some(_), Some(Answer::Noted)) => (None, None),
            (Some(op_id), Some(answer)) if answer != Answer::Kept => {
                let to = answer.moved_or_logged();
                (None, Some(Swept { op_id, kind: self.kind.clone(), to }))
            }
            _ => (Some(self.next_look(matched.is_some(), now)), None),
        }
    }

    /// When to look at it again: after as long as it has waited, at most an hour if no operation is known
    /// for it, and a minute if one is.
    #[must_use]
    pub fn next_look(&self, matched: bool, now: Timestamp) -> Timestamp {
        let longest = if matched { LONGEST_KEPT } else { LONGEST_UNMATCHED };
        now.plus(now.since(self.received_at).clamp(SHORTEST, longest))
    }
}

/// Which of the answers that wait for an operation to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct UnmatchedParams {
    /// Those behind this one; `None` begins.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// An answer that waits: no operation is known for its reference, or one of another kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// Its place in the list.
    pub number: u64,
    /// What it is about.
    pub of: Reference,
    /// The kind of operation that it is an answer for.
    pub kind: Kind,
    /// Where it comes from.
    pub source: String,
    /// When it was recorded.
    pub received_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Failure, Payload};

    fn record(end: AttemptEnd, source: &str) -> RecordParams {
        RecordParams {
            of: Reference::new("Toss", "", "tr_1").unwrap(),
            kind: Kind::new("PAYMENT", "CHARGE").unwrap(),
            end,
            source: source.to_owned(),
        }
    }

    fn ok(output: &str) -> AttemptEnd {
        AttemptEnd::Outcome(Outcome::Ok { output: Payload::from(output) })
    }

    #[test]
    fn an_answer_is_told_by_what_it_says_and_not_by_where_it_comes_from() {
        let first = record(ok("1"), "webhook 1").digest();
        assert_eq!(record(ok("1"), "file of Monday").digest(), first);
        let fail = |code| AttemptEnd::Outcome(Outcome::Fail(Failure::new(code, "no")));
        let others = [ok("2"), AttemptEnd::NotHappened, fail("A"), fail("B")];
        let digests: std::collections::HashSet<_> =
            others.into_iter().map(|end| record(end, "webhook 1").digest()).collect();
        assert!(digests.len() == 4 && !digests.contains(&first));
    }

    #[test]
    fn an_answer_is_looked_at_less_and_less_often() {
        let at = Timestamp::from_micros;
        let RecordParams { of, kind, end, source } = record(ok("1"), "webhook");
        let kept = KeptAnswer {
            of,
            kind,
            end,
            source,
            digest: [7; 16],
            received_at: at(0),
            has_waited: false,
        };
        let look = |matched, second: i64| {
            let now = at(second * 1_000_000);
            kept.next_look(matched, now).since(now).as_secs()
        };
        assert_eq!([look(false, 0), look(false, 30), look(false, 9000)], [1, 30, 3600]);
        assert_eq!([look(true, 0), look(true, 30), look(true, 9000)], [1, 30, 60]);
    }
}
