//! What a provider's own message means for the row: a webhook, a line of a settlement file.
//!
//! | the operation | it has acted | it refused for good | it has not acted |
//! |---|---|---|---|
//! | PENDING | takes over: COMPLETED | takes over: FAILED | noted: nothing was called |
//! | running, the attempt holds the lease | takes over | kept until the attempt has ended | kept until the attempt has ended |
//! | its end is logged and waits for its hook | kept until then | kept until then | kept until then |
//! | waiting, without doubt | takes over | takes over | noted: it runs again anyway |
//! | in doubt, parked, or a reconcile holds the lease | takes over | takes over | takes over: it may run again |
//! | the same, and it was called more than once | takes over | asks, or takes over: FAILED, uncertain | asks, or noted |
//! | terminal | a late entry | a late entry | a late entry |
//!
//! A message says what was true when it was written. That a call *has* acted stays true. That none has may
//! be about the first of two calls, and come behind the second one, which has acted: so it settles an
//! operation that was called once at most. About any other it is kept beside the log, the provider is asked
//! at once where there is a reconcile, and a refusal ends it as uncertain where there is none.

use super::change::Change;
use super::finalized::follow;
use super::next::{Move, after_attempt};
use super::swept::conclude;
use super::{Answer, Entry, Finalized, Purpose, Row, Step};
use crate::policies::InDoubt;
use crate::words::{
    AttemptEnd, ClaimId, FinalOutcome, Kind, LogStatus, Outcome, Phase, Source, Status,
};

/// A provider's own message about an operation.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// What it says: `Ok`, `Fail` or `NotHappened`.
    pub end: &'a AttemptEnd,
    /// Where it comes from, storable.
    pub source: &'a str,
    /// What tells a take-over by it from those of others.
    pub id: ClaimId,
    /// The kinds that have a finalize hook, as far as is known where it is applied.
    pub hooked_kinds: &'a [Kind],
}

/// `logged` is the entry under the row's own fence.
pub(super) fn answered(change: Change, message: &Message<'_>, logged: Option<&Entry>) -> Step {
    let row = &change.row;
    if row.status.is_terminal() {
        return late(change, message);
    }
    if logged.is_some_and(|entry| entry.log.status == LogStatus::Pending) {
        return change.answer(Answer::Kept);
    }
    let runs = row.purpose() == Some(Purpose::Attempt);
    let doubted = row.is_unresolved() || row.phase == Some(Phase::Parked);
    match message.end {
        AttemptEnd::Outcome(Outcome::Ok { output }) => {
            let outcome = FinalOutcome::Ok(output.clone());
            concluded(change, message, outcome)
        }
        _ if runs => change.answer(Answer::Kept),
        AttemptEnd::Outcome(Outcome::Fail(_)) | AttemptEnd::NotHappened
            if doubted && row.may_have_been_called_twice() && asks(row) =>
        {
            asked(change, message)
        }
        AttemptEnd::Outcome(Outcome::Fail(failure)) => {
            let stale = doubted && row.may_have_been_called_twice();
            let failure = failure.clone().uncertain(failure.uncertain || stale);
            concluded(change, message, FinalOutcome::Failed(failure))
        }
        AttemptEnd::NotHappened if doubted && !row.may_have_been_called_twice() => {
            not_happened(change, message)
        }
        AttemptEnd::NotHappened if doubted => noted(change, message),
        // Of a row without doubt it says nothing new, and no other end is a message.
        _ => change.answer(Answer::Noted),
    }
}

impl Row {
    /// True unless a message about a call of it can only be about the last one.
    const fn may_have_been_called_twice(&self) -> bool {
        self.attempt.saturating_add(self.uncounted) > 1
            || self.lost_attempts > 1
            || self.retries > 0
    }
}

/// True if the provider is to be asked by itself.
fn asks(row: &Row) -> bool {
    row.phase == Some(Phase::InDoubt) && row.policy.in_doubt == InDoubt::Reconcile
}

/// The provider is asked now, not when its turn comes. One that is being asked is left alone.
fn asked(mut change: Change, message: &Message<'_>) -> Step {
    let now = change.now;
    change.row.due_at = change.row.due_at.map(|due_at| due_at.min(now));
    noted(change, message)
}

/// Kept beside the log, and nothing else follows.
fn noted(mut change: Change, message: &Message<'_>) -> Step {
    let entry = beside(&change, message);
    change.append(entry);
    change.answer(Answer::Noted)
}

/// The operation is taken from whoever held it, as an operator would.
fn take_over(change: &mut Change, message: &Message<'_>) -> bool {
    change.row.policy.hooked |= message.hooked_kinds.contains(&change.row.policy.kind);
    let begun = change.begin();
    change.supersede(message.id);
    begun
}

fn concluded(mut change: Change, message: &Message<'_>, outcome: FinalOutcome) -> Step {
    let never_claimed = change.row.status == Status::Pending;
    if !take_over(&mut change, message) {
        return change.answer(Answer::Stale);
    }
    let note = if never_claimed {
        format!("{} (PENDING → IN_PROGRESS; no worker had claimed it)", message.source)
    } else {
        message.source.to_owned()
    };
    conclude(change, outcome, Source::Provider, Some(&note))
}

/// As the answer to a reconcile: the doubt is cleared, and it may run again.
fn not_happened(mut change: Change, message: &Message<'_>) -> Step {
    if !take_over(&mut change, message) {
        return change.answer(Answer::Stale);
    }
    let now = change.now;
    let mut entry = Entry::of(&change.row, Source::Provider, AttemptEnd::NotHappened, now);
    entry.log.note = Some(message.source.to_owned());
    entry.delay = change.row.policy.backoff.delay(change.row.attempt, 0.0);
    match after_attempt(&entry.log.end, &change.row, entry.delay, now) {
        Move::Finish(outcome) => {
            change.row.count(&entry.log);
            change.append(entry);
            change.supersede(ClaimId::NONE);
            conclude(change, outcome, Source::Engine, None)
        }
        _ => {
            change.append(entry.clone());
            follow(change, &entry)
        }
    }
}

/// Kept beside the outcome: it corroborates it, or diverges from it.
fn late(mut change: Change, message: &Message<'_>) -> Step {
    let entry = beside(&change, message);
    change.append(entry);
    let standing = Finalized::standing(&change.row).again();
    change.answer(Answer::Moved(standing))
}

/// An entry without effect, under a fence that no claim has.
fn beside(change: &Change, message: &Message<'_>) -> Entry {
    let mut entry = Entry::of(&change.row, Source::Provider, message.end.clone(), change.now);
    entry.log.fence = change.row.fence.of_message(message.id);
    entry.log.late = true;
    entry.log.note = Some(message.source.to_owned());
    entry
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, running};
    use super::super::{Fact, step};
    use super::*;
    use crate::words::{Failure, Payload};

    fn message(end: &AttemptEnd) -> Message<'_> {
        Message { end, source: "webhook evt_1", id: ClaimId::of(7), hooked_kinds: &[] }
    }

    fn told(row: &Row, end: &AttemptEnd) -> Step {
        let message = message(end);
        step(row, Fact::Answered { message: &message, logged: None }, at(100))
    }

    fn happened() -> AttemptEnd {
        AttemptEnd::Outcome(Outcome::Ok { output: Payload::from("paid") })
    }

    fn refused() -> AttemptEnd {
        AttemptEnd::Outcome(Outcome::Fail(Failure::new("EXPIRED", "nobody has paid")))
    }

    fn in_phase(phase: Phase) -> Row {
        let mut row = Row { phase: Some(phase), due_at: Some(at(200)), ..running() };
        (row.lease_expires_at, row.worker, row.started_at) = (None, None, None);
        row.first_called_at = (phase != Phase::Waiting).then(|| at(3));
        row
    }

    #[test]
    fn what_has_acted_completes_the_operation_wherever_it_is() {
        for row in
            [running(), in_phase(Phase::Waiting), in_phase(Phase::InDoubt), in_phase(Phase::Parked)]
        {
            let step = told(&row, &happened());
            assert_eq!(step.row.status, Status::Completed, "{:?}", row.phase);
            assert!(step.row.fence.count() == row.fence.count() + 1 && step.row.worker.is_none());
            assert_eq!(step.row.fence, row.fence.next(ClaimId::of(7)));
        }
    }

    #[test]
    fn a_refusal_waits_for_the_attempt_that_is_under_way_and_no_longer() {
        for end in [refused(), AttemptEnd::NotHappened] {
            let row = running();
            let step = told(&row, &end);
            assert_eq!((step.answer, step.row), (Answer::Kept, row));
        }
        for phase in [Phase::Waiting, Phase::InDoubt, Phase::Parked] {
            let Some(FinalOutcome::Failed(failure)) =
                told(&in_phase(phase), &refused()).row.outcome
            else {
                panic!("{phase:?}")
            };
            assert!(!failure.uncertain && failure.code == "EXPIRED");
        }
    }

    #[test]
    fn not_happened_clears_doubt_and_says_nothing_where_there_is_none() {
        for phase in [Phase::InDoubt, Phase::Parked] {
            let step = told(&in_phase(phase), &AttemptEnd::NotHappened);
            assert_eq!(step.row.phase, Some(Phase::Waiting));
            assert!(!step.row.is_unresolved());
        }
        let row = in_phase(Phase::Waiting);
        let step = told(&row, &AttemptEnd::NotHappened);
        assert_eq!((step.answer, step.row), (Answer::Noted, row));
        let new = Row::accepted(
            running().op_id,
            running().policy.kind,
            std::time::Duration::from_secs(9),
            at(1),
        );
        let step = told(&new, &AttemptEnd::NotHappened);
        assert_eq!((step.answer, step.row), (Answer::Noted, new));
    }

    #[test]
    fn what_no_worker_has_claimed_passes_through_in_progress() {
        let new = Row::accepted(
            running().op_id,
            running().policy.kind,
            std::time::Duration::from_secs(999),
            at(1),
        );
        for (end, status) in [(happened(), Status::Completed), (refused(), Status::Failed)] {
            assert_eq!(told(&new, &end).row.status, status);
        }
    }

    #[test]
    fn an_answer_after_the_end_is_kept_as_a_late_one() {
        let ended = told(&running(), &happened()).row;
        let step = told(&ended, &refused());
        let outcome = ended.outcome.clone().unwrap();
        assert_eq!(step.answer, Answer::Moved(Finalized::AlreadyFinal(outcome)));
        assert_eq!(step.row, ended);
        let [super::super::EntryWrite::Append(entry)] = &step.entries[..] else { panic!() };
        assert!(entry.log.late && entry.log.source == Source::Provider);
        assert_eq!(entry.log.note.as_deref(), Some("webhook evt_1"));
    }

    #[test]
    fn with_a_hook_the_end_is_logged_for_it() {
        let kinds = [running().policy.kind];
        let end = happened();
        let message = Message { hooked_kinds: &kinds, ..message(&end) };
        let step = step(&running(), Fact::Answered { message: &message, logged: None }, at(100));
        assert_eq!((step.answer, step.row.status), (Answer::Logged, Status::InProgress));
        assert!(step.row.lease_expires_at.is_none());
    }

    #[test]
    fn what_was_called_twice_is_not_settled_by_a_message_that_may_be_about_the_first() {
        let twice = |phase, in_doubt| {
            let mut row = in_phase(phase);
            (row.attempt, row.lost_attempts, row.policy.in_doubt) = (2, 2, in_doubt);
            row
        };
        let asking = twice(Phase::InDoubt, InDoubt::Reconcile);
        for end in [refused(), AttemptEnd::NotHappened] {
            let step = told(&asking, &end);
            assert_eq!((step.answer, step.row.due_at), (Answer::Noted, Some(at(100))));
            assert!(step.row.is_unresolved() && step.entries.len() == 1);
        }
        for row in [twice(Phase::InDoubt, InDoubt::Retry), twice(Phase::Parked, InDoubt::Park)] {
            let step = told(&row, &AttemptEnd::NotHappened);
            assert_eq!((step.answer, &step.row), (Answer::Noted, &row));
            let Some(FinalOutcome::Failed(failure)) = told(&row, &refused()).row.outcome else {
                panic!()
            };
            assert!(failure.uncertain && failure.code == "EXPIRED");
            assert_eq!(told(&row, &happened()).row.status, Status::Completed);
        }
    }

    #[test]
    fn an_operation_that_ends_by_not_happened_is_certain() {
        let mut row = in_phase(Phase::InDoubt);
        row.policy.in_doubt = InDoubt::Park;
        row.policy.max_attempts = 1;
        let Some(FinalOutcome::Failed(failure)) = told(&row, &AttemptEnd::NotHappened).row.outcome
        else {
            panic!()
        };
        assert!(!failure.uncertain && failure.code == crate::words::code::ATTEMPTS_EXHAUSTED);
    }
}
