//! What an operator's decision means for the row.

use super::change::Change;
use super::next::Move;
use super::swept::conclude;
use super::{Answer, Entry, Resolution, Step, finalized};
use crate::words::{AttemptEnd, ClaimId, FinalOutcome, Kind, LogStatus, Phase, Source};

/// What comes with an operator's decision.
pub(super) struct Decision<'a> {
    pub(super) note: &'a str,
    pub(super) hooked_kinds: &'a [Kind],
    pub(super) whole_since: u32,
}

/// Whatever was logged and not finalized is superseded: it stays in the history, and counts as what it
/// says, but the decision is what the operation ends with.
pub(super) fn resolved(
    mut change: Change,
    logged: Option<&Entry>,
    resolution: &Resolution,
    decision: &Decision<'_>,
) -> Step {
    if change.row.phase != Some(Phase::Parked) {
        let (status, phase) = (change.row.status, change.row.phase);
        return change.answer(Answer::NotParked { status, phase });
    }
    let waiting = logged.filter(|entry| entry.log.status == LogStatus::Pending);
    let hooked =
        change.row.policy.hooked || decision.hooked_kinds.contains(&change.row.policy.kind);
    let (outcome, hooked) = match (resolution, waiting) {
        (Resolution::Ok(output), _) => (Some(FinalOutcome::Ok(output.clone())), hooked),
        (Resolution::Fail(failure), _) => (Some(FinalOutcome::Failed(failure.clone())), hooked),
        (Resolution::RunAgain, None) => (None, hooked),
        (Resolution::RunHook | Resolution::SkipHook, Some(entry)) => {
            let Some(outcome) = finalized::outcome(&change.row, entry) else {
                return change.answer(Answer::Unfit { for_hook: true });
            };
            (Some(outcome), matches!(resolution, Resolution::RunHook))
        }
        (Resolution::RunAgain, Some(_)) => return change.answer(Answer::Unfit { for_hook: true }),
        (Resolution::RunHook | Resolution::SkipHook, None) => {
            return change.answer(Answer::Unfit { for_hook: false });
        }
    };
    if let Some(entry) = waiting {
        change.row.count(&entry.log);
        change.update(entry.clone().completed());
    }
    change.row.policy.hooked = hooked;
    change.supersede(ClaimId::NONE);
    match outcome {
        Some(outcome) => conclude(change, outcome, Source::Operator, Some(decision.note)),
        None => run_again(change, decision.note, decision.whole_since),
    }
}

/// Due at once, with a fresh time budget; the operator answers for the doubt.
fn run_again(mut change: Change, note: &str, whole_since: u32) -> Step {
    let now = change.now;
    let mut entry = Entry::of(&change.row, Source::Operator, AttemptEnd::NotHappened, now);
    entry.log.note = Some(note.to_owned());
    change.row.renew();
    change.row.count(&entry.log);
    change.append(entry);
    change.row.reason = Some(note.to_owned());
    change.row.deadline = now.plus(change.row.time_budget);
    change.row.incarnation = change.row.incarnation.max(whole_since);
    change.make(Move::Wait { not_before: now });
    change.answer_standing()
}

/// The failed operation itself never changes: the new one is [`Row::accepted`].
pub(super) fn redriven(change: Change, even_if_uncertain: bool, late_success: bool) -> Step {
    let answer = match &change.row.outcome {
        Some(FinalOutcome::Failed(failure)) => {
            let uncertain = failure.uncertain || late_success;
            if uncertain && !even_if_uncertain { Answer::Uncertain } else { Answer::Redriven }
        }
        Some(FinalOutcome::Ok(_)) | None => Answer::NotFailed { status: change.row.status },
    };
    change.answer(answer)
}
