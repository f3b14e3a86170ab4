//! What a provider's own message means for the row: a webhook, a line of a settlement file.
//!
//! | the operation | it has acted | it refused for good, or it has not acted |
//! |---|---|---|
//! | PENDING | takes over: COMPLETED | refused takes over: FAILED; not acted leaves no entry, nothing was called |
//! | a worker holds the lease | takes over | kept until it has ended |
//! | its end is logged and waits for its hook | kept until then | kept until then |
//! | waiting, without doubt | takes over | refused takes over: FAILED; not acted leaves no entry, it runs again anyway |
//! | in doubt, with a reconcile | takes over | the provider is asked at once |
//! | in doubt, to be called again | takes over | refused takes over: certain if it is about the only call, else uncertain; not acted is noted, since it may be older than the call |
//! | submitted, with a reconcile | takes over | the provider is asked at once |
//! | submitted, without one | takes over | refused takes over: FAILED, as above; not acted is noted |
//! | parked | takes over | noted: the operator is shown it |
//! | terminal | a late entry | a late entry |
//!
//! A message says what was true when it was written. That a call *has* acted stays true. That none has may be
//! about the first of two calls and come behind the second, or be written before the call arrived that it seems
//! to be about. What is kept, late, or noted in doubt or while parked is in the log as an entry without effect, so
//! that operators see it and a redrive asks.

use super::change::Change;
use super::swept::conclude;
use super::{Answer, Entry, Finalized, Row, Step};
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
    /// True if it is looked at as it comes. One that has waited may be older than the end of the attempt that
    /// it waited for.
    pub is_new: bool,
    /// The kinds that have a finalize hook, as far as is known where it is applied.
    pub hooked_kinds: &'a [Kind],
    /// The incarnation since which histories are whole.
    pub whole_since: u32,
}

/// `logged` is the entry under the row's own fence.
pub(super) fn answered(change: Change, message: &Message<'_>, logged: Option<&Entry>) -> Step {
    let row = &change.row;
    if row.status.is_terminal() {
        return late(change, message);
    }
    if logged.is_some_and(|entry| entry.log.status == LogStatus::Pending) {
        return beside(change, message, Answer::Kept);
    }
    if let AttemptEnd::Outcome(Outcome::Ok { output }) = message.end {
        let outcome = FinalOutcome::Ok(output.clone());
        return concluded(change, message, outcome);
    }
    if row.purpose().is_some() {
        return beside(change, message, Answer::Kept);
    }
    if row.phase == Some(Phase::Parked) {
        return beside(change, message, Answer::Noted);
    }
    if row.is_unresolved() && row.policy.in_doubt == InDoubt::Reconcile {
        return asked(change, message);
    }
    let certain = !row.is_unresolved() || is_about_the_only_call(row, message);
    match message.end {
        AttemptEnd::Outcome(Outcome::Fail(failure)) => {
            let failure = failure.clone().uncertain(failure.uncertain || !certain);
            concluded(change, message, FinalOutcome::Failed(failure))
        }
        AttemptEnd::NotHappened if row.is_unresolved() => beside(change, message, Answer::Noted),
        // Of a row without doubt it says nothing new, and no other end is a message.
        _ => change.answer(Answer::Noted),
    }
}

/// True if a message that nothing has happened is taken as the answer about the one call that there was: the
/// operation was called once, all of its history is known, nobody has said that it was done already. When it was
/// written is not known; that it was recorded behind the end of that call is, since it has not waited.
fn is_about_the_only_call(row: &Row, message: &Message<'_>) -> bool {
    let calls = row.attempt.saturating_add(row.uncounted);
    calls <= 1
        && row.lost_attempts <= calls
        && row.retries == 0
        && !row.already_done
        && row.is_whole(message.whole_since)
        && message.is_new
}

/// The provider is asked now, not when its turn comes.
fn asked(mut change: Change, message: &Message<'_>) -> Step {
    let now = change.now;
    change.row.due_at = change.row.due_at.map(|due_at| due_at.min(now));
    beside(change, message, Answer::Noted)
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

/// It corroborates the outcome, or diverges from it.
fn late(change: Change, message: &Message<'_>) -> Step {
    let standing = Finalized::standing(&change.row).again();
    beside(change, message, Answer::Moved(standing))
}

/// An entry without effect, under a fence that no claim has.
fn beside(mut change: Change, message: &Message<'_>, answer: Answer) -> Step {
    let mut entry = Entry::of(&change.row, Source::Provider, message.end.clone(), change.now);
    entry.log.fence = change.row.fence.of_message(message.id);
    entry.log.late = true;
    entry.log.note = Some(message.source.to_owned());
    change.append(entry);
    change.answer(answer)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, running};
    use super::super::{Fact, step};
    use super::*;
    use crate::words::{Failure, Payload};

    fn message(end: &AttemptEnd) -> Message<'_> {
        let (source, id) = ("webhook evt_1", ClaimId::of(7));
        Message { end, source, id, is_new: true, hooked_kinds: &[], whole_since: 1 }
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

    fn in_doubt_as(declares: InDoubt) -> Row {
        let mut row = in_phase(Phase::InDoubt);
        (row.lost_attempts, row.policy.in_doubt) = (1, declares);
        row
    }

    #[test]
    fn what_has_not_happened_waits_for_whoever_holds_the_lease() {
        let asking = Row { phase: Some(Phase::InDoubt), first_called_at: Some(at(3)), ..running() };
        for row in [running(), asking] {
            for end in [refused(), AttemptEnd::NotHappened] {
                let step = told(&row, &end);
                assert_eq!((step.answer, &step.row), (Answer::Kept, &row));
                assert_eq!(step.entries.len(), 1);
            }
        }
    }

    #[test]
    fn a_refusal_of_what_was_called_once_is_certain() {
        for row in [in_phase(Phase::Waiting), in_doubt_as(InDoubt::Retry)] {
            let Some(FinalOutcome::Failed(failure)) = told(&row, &refused()).row.outcome else {
                panic!("{:?}", row.phase)
            };
            assert!(!failure.uncertain && failure.code == "EXPIRED");
        }
    }

    #[test]
    fn not_happened_clears_no_doubt_and_says_nothing_where_there_is_none() {
        let doubtful = in_doubt_as(InDoubt::Retry);
        let step = told(&doubtful, &AttemptEnd::NotHappened);
        assert_eq!((step.answer, step.row, step.entries.len()), (Answer::Noted, doubtful, 1));
        let row = in_phase(Phase::Waiting);
        let step = told(&row, &AttemptEnd::NotHappened);
        assert_eq!((step.answer, step.row), (Answer::Noted, row));
        let (op_id, kind) = (running().op_id, running().policy.kind);
        let new = Row::accepted(op_id, kind, std::time::Duration::from_secs(9), at(1));
        let step = told(&new, &AttemptEnd::NotHappened);
        assert_eq!((step.answer, step.row), (Answer::Noted, new));
    }

    #[test]
    fn with_a_reconcile_the_provider_is_asked_and_not_believed() {
        for end in [refused(), AttemptEnd::NotHappened] {
            let step = told(&in_doubt_as(InDoubt::Reconcile), &end);
            assert_eq!((step.answer, step.row.due_at), (Answer::Noted, Some(at(100))));
            assert!(step.row.is_unresolved() && step.entries.len() == 1);
        }
    }

    #[test]
    fn what_is_parked_stays_so_and_its_operator_is_shown_it() {
        let row = in_phase(Phase::Parked);
        for end in [refused(), AttemptEnd::NotHappened] {
            let step = told(&row, &end);
            assert_eq!((step.answer, &step.row, step.entries.len()), (Answer::Noted, &row, 1));
        }
    }

    #[test]
    fn what_may_be_about_another_call_settles_nothing() {
        let row = || in_doubt_as(InDoubt::Retry);
        let twice = Row { attempt: 2, lost_attempts: 2, ..row() };
        let uncounted = Row { uncounted: 1, retries: 1, ..row() };
        let lost_by_the_database = Row { attempt: 0, ..row() };
        let done_already = Row { already_done: true, ..row() };
        let not_whole = Row { incarnation: 0, ..row() };
        for row in [twice, uncounted, lost_by_the_database, done_already, not_whole] {
            unsettled(&row, true);
        }
        unsettled(&row(), false);
    }

    fn unsettled(row: &Row, is_new: bool) {
        let told = |end: &AttemptEnd| {
            let message = Message { is_new, ..message(end) };
            step(row, Fact::Answered { message: &message, logged: None }, at(100))
        };
        let step = told(&AttemptEnd::NotHappened);
        assert_eq!((step.answer, &step.row), (Answer::Noted, row));
        let Some(FinalOutcome::Failed(failure)) = told(&refused()).row.outcome else { panic!() };
        assert!(failure.uncertain && failure.code == "EXPIRED");
        assert_eq!(told(&happened()).row.status, Status::Completed);
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
}
