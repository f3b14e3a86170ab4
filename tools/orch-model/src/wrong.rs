//! What a store with a [`Mistake`] does. It hands the machine something else than what has
//! happened, or it writes something else than what the machine says, which is also how a mistake
//! of the machine shows. The search knows none of them.
//!
//! Seven are made where there is no step: the identity at accept, the two queries of the upkeep and
//! the hook's transaction in `store` and `upkeep`; the worker's key and what it makes of a refusal,
//! in `provider`.

use orch_core::machine::{self, Answer, EntryWrite, Fact, Purpose};
use orch_core::words::{
    AttemptEnd, Fence, FinalOutcome, LogStatus, Outcome, Phase, Status, Timestamp,
};

use crate::columns::{self, seconds};
use crate::world::{Claim, End, Verdict, World};
use crate::{Mistake, Rules};

/// How far the clock of a host may be ahead of the store's, in ticks.
const AHEAD: u8 = 1;

impl World {
    /// The fence that a write is guarded by: its claim's. A store that ignores it takes the row's;
    /// one that ignores the id in it does so where the counts are equal.
    pub(crate) fn guard(&self, rules: &Rules, ignores: &[Mistake], claim: Claim) -> Fence {
        let ignores = rules.mistake.filter(|mistake| ignores.contains(mistake));
        let latest = self.rows[claim.op].as_ref().filter(|row| {
            let counts_equal = columns::count(row.fence) == columns::count(claim.fence);
            ignores.is_some_and(|mistake| !mistake.is_about_claim_ids() || counts_equal)
        });
        columns::fence(latest.map_or(claim.fence, |row| row.fence))
    }

    /// Instead of finalizing what is logged: it counts as done, and the operation is due again.
    pub(crate) fn call_again(&mut self, found: Claim) -> Answer {
        let now = self.now;
        if let Some(row) = self.rows[found.op].as_mut()
            && row.fence == found.fence
            && row.status == Status::InProgress
        {
            row.log.iter_mut().for_each(|entry| {
                (entry.status, entry.due_at) = (LogStatus::Completed, None);
            });
            (row.phase, row.due_at) = (Some(Phase::Waiting), Some(now));
        }
        Answer::Stale
    }
}

impl Rules {
    /// How an attempt ended, as the store understands it.
    pub(crate) fn said(&self, end: End) -> End {
        if end == End::InDoubt && self.has(Mistake::DoubtTakenForNo) {
            return End::Failed(Verdict { uncertain: false, called: true });
        }
        end
    }

    /// Before the step: what the store takes the row and the time for.
    pub(crate) fn misread(&self, row: &mut machine::Row, fact: Fact<'_>, now: &mut Timestamp) {
        match (self.mistake, fact) {
            (Some(Mistake::ReaperReadsOwnClock), Fact::LeaseExpired { .. }) => {
                *now = now.plus(seconds(AHEAD));
            }
            (Some(Mistake::BudgetSweepTakesRunning), Fact::BudgetSpent { .. })
                if row.phase == Some(Phase::Running) =>
            {
                (row.phase, row.due_at) = (Some(Phase::Waiting), Some(*now));
            }
            _ => {}
        }
    }

    /// After the step: what the store writes, or the machine says, instead.
    pub(crate) fn miswrite(
        &self,
        before: &machine::Row,
        fact: Fact<'_>,
        now: Timestamp,
        step: &mut machine::Step,
    ) {
        let Some(mistake) = self.mistake else { return };
        let retry = is_retry(step);
        let row = &mut step.row;
        match (mistake, fact) {
            (Mistake::ClaimKeepsFence, Fact::Claimed { .. }) => row.fence = before.fence,
            (Mistake::ClaimedStaysDue, Fact::Claimed { .. }) => row.due_at = before.due_at,
            (Mistake::AttemptNotCounted, Fact::Claimed { .. }) => row.attempt = before.attempt,
            (Mistake::QuestionFallsThrough, Fact::Claimed { .. })
                if before.reconciles > 0 && step.answer == Answer::Claimed(Purpose::Reconcile) =>
            {
                row.phase = Some(Phase::Running);
                row.attempt += 1;
                row.reconciles = before.reconciles;
                step.answer = Answer::Claimed(Purpose::Attempt);
            }
            (Mistake::LogKeepsLease, Fact::Logged(_)) => {
                row.lease_expires_at = before.lease_expires_at;
                row.worker.clone_from(&before.worker);
                row.started_at = before.started_at;
            }
            (Mistake::ReleaseLowersFence, Fact::Released { .. }) if *row != *before => {
                row.fence = Fence::new(row.fence.get() - (1 << Fence::CLAIM_ID_BITS));
            }
            (Mistake::OperatorKeepsFence, Fact::Resolved { .. }) => keep_fence(step, before.fence),
            (Mistake::LostAttemptNotCounted, Fact::LeaseExpired { .. })
            | (Mistake::MissingAttemptNotCounted, Fact::HistoryLost { .. }) => {
                row.lost_attempts = before.lost_attempts;
            }
            (Mistake::LateAnswerReplacesEnd, Fact::Logged(ended) | Fact::Settled(ended)) => {
                if let AttemptEnd::Outcome(Outcome::Ok { output }) = ended.end
                    && before.outcome.is_some()
                {
                    row.status = Status::Completed;
                    row.outcome = Some(FinalOutcome::Ok(output.clone()));
                }
            }
            (Mistake::GivenUpHookIsNotParked, Fact::HookFailed { .. }) => row.phase = before.phase,
            (Mistake::ParkedStaysDue, _) if row.phase == Some(Phase::Parked) => {
                row.due_at = Some(now);
            }
            (Mistake::RetryClearsDoubt, _) if retry => row.first_called_at = None,
            (Mistake::NewKeyInDoubt, _) if retry => {
                row.key_generation = before.key_generation + 1;
            }
            (Mistake::NewKeyAfterDenial, _) if retry => {
                let certain = u32::from(!before.is_unresolved());
                row.key_generation = before.key_generation + certain;
            }
            _ => {}
        }
    }
}

/// True if the row follows a retry in this step.
fn is_retry(step: &machine::Step) -> bool {
    step.entries.iter().any(|write| {
        let (EntryWrite::Append(entry) | EntryWrite::Update(entry)) = write;
        entry.log.status == LogStatus::Completed
            && !entry.log.late
            && matches!(entry.log.end, AttemptEnd::Outcome(Outcome::Retry { .. }))
    })
}

/// The same step under another fence.
fn keep_fence(step: &mut machine::Step, fence: Fence) {
    step.row.fence = fence;
    for write in &mut step.entries {
        let (EntryWrite::Append(entry) | EntryWrite::Update(entry)) = write;
        entry.log.fence = fence;
    }
}
