//! The verbs of the store over a [`World`], guard by guard as every backend has them.
//!
//! What follows an end, what it counts, what a claim is for and which state may follow which is
//! production's own: [`after_attempt`], [`Tally`], [`Purpose`], [`Status::transition`].

use std::time::Duration;

use orch_core::policies::{FINALIZER_HEAD_START, Facts, InDoubt, Move, Tally, after_attempt};
use orch_core::store::Purpose;
use orch_core::words::{Fence, LogStatus, Phase, Source, Status};

use crate::rules::{DELAY, LEASE, MAX_RECONCILES, TIME_BUDGET};
use crate::world::{
    Claim, End, Ended, Entry, Final, Row, Verdict, Work, World, Write, identity, instant, tick,
};
use crate::{Declared, Mistake, Rules};

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// The claim is superseded.
    Stale,
    /// The finalize hook failed; the outcome stays logged.
    HookFailed,
}

impl Rules {
    /// What the handler of this operation declares.
    #[must_use]
    pub fn declared(&self, op: usize) -> Declared {
        self.operations[identity(op)]
    }

    /// What the next move of a row depends on.
    #[must_use]
    pub fn facts(&self, op: usize, row: &Row) -> Facts {
        Facts {
            attempt: row.attempt,
            max_attempts: self.max_attempts,
            in_doubt: self.declared(op).in_doubt,
            unresolved: row.first_called_at.is_some(),
            lost_attempts: row.lost_attempts,
            reconciles: row.reconciles,
            max_reconciles: MAX_RECONCILES,
            replays_errors: true,
            deadline: instant(row.deadline),
        }
    }
}

impl World {
    /// **S1.** The operation that a client's command stands for from now on.
    pub fn accept(&mut self, rules: &Rules, client: usize) -> usize {
        if self.rows[client].is_some() {
            return client;
        }
        let same = |op: &usize| identity(*op) == identity(client) && self.rows[*op].is_some();
        let there = (0..self.rows.len()).find(same);
        if let Some(op) = there
            && !rules.has(Mistake::AcceptWithoutIdentity)
        {
            return op;
        }
        self.rows[client] = Some(Row::pending(self.now, self.now + TIME_BUDGET));
        client
    }

    /// **S2.** Leases an operation that is due.
    pub fn claim(&mut self, rules: &Rules, op: usize) -> Option<Work> {
        let declared = rules.declared(op).in_doubt;
        let now = self.now;
        let row = self.rows[op].as_mut()?;
        let purpose = if rules.has(Mistake::QuestionFallsThrough) && row.reconciles > 0 {
            Purpose::Attempt
        } else {
            Purpose::of(row.first_called_at.is_some(), declared, declared)
        };
        let due = row.due_at.is_some_and(|due_at| due_at <= now);
        let in_time = purpose == Purpose::Reconcile || row.deadline > now;
        if !due || !in_time || row.status.is_terminal() {
            return None;
        }
        row.status = if row.status == Status::Pending {
            row.status.transition(Status::InProgress).ok()?
        } else {
            row.status
        };
        if !rules.has(Mistake::ClaimKeepsFence) {
            row.fence = row.fence.next();
        }
        if !rules.has(Mistake::ClaimedStaysDue) {
            row.due_at = None;
        }
        row.claims += 1;
        row.purpose = purpose;
        row.lease_expires_at = Some(now + LEASE);
        row.claimed_at = if rules.declared(op).key_lifetime.is_some() { now } else { 0 };
        let claim = row.claim(op);
        Some(match purpose {
            Purpose::Attempt => {
                if row.first_called_at.is_some() && declared != InDoubt::Retry {
                    self.audit.run_in_doubt = true;
                }
                row.attempt += u32::from(!rules.has(Mistake::AttemptNotCounted));
                row.phase = Some(Phase::Running);
                Work::Attempt(claim)
            }
            Purpose::Reconcile => {
                row.reconciles += 1;
                row.phase = Some(Phase::InDoubt);
                Work::Reconcile(claim)
            }
        })
    }

    /// Moves the end of a lease.
    pub fn renew(&mut self, rules: &Rules, claim: Claim) -> Answer {
        let now = self.now;
        let any_fence = rules.has(Mistake::RenewIgnoresFence);
        self.audited(claim, |world| match world.leased(claim, any_fence) {
            Some(row) => {
                row.lease_expires_at = Some(now + LEASE);
                Answer::Done
            }
            None => Answer::Stale,
        })
    }

    /// A write of a worker about its claim.
    pub fn write(&mut self, rules: &Rules, write: Write, hook_fails: bool) -> Answer {
        self.audited(write.claim(), |world| match write {
            Write::Log(ended) => world.log(rules, ended),
            Write::Finalize(claim) => world.finalize(rules, claim, hook_fails),
            Write::Settle(ended) => match world.log(rules, ended) {
                Answer::Stale => Answer::Stale,
                _ => world.finalize(rules, ended.claim, false),
            },
            Write::Release(claim) => world.release(rules, claim, false),
            Write::Park(claim) => world.release(rules, claim, true),
        })
    }

    /// Appends an end as PENDING and drops the lease.
    fn log(&mut self, rules: &Rules, ended: Ended) -> Answer {
        let Ended { claim, end, .. } = ended;
        if self.entry(claim, false).is_some() {
            return Answer::Done;
        }
        let (now, any_fence) = (self.now, rules.has(Mistake::LogIgnoresFence));
        if rules.has(Mistake::LateAnswerReplacesEnd)
            && let Some(row) = self.rows[claim.op].as_mut()
            && row.outcome.is_some()
            && end == End::Ok
        {
            (row.status, row.outcome) = (Status::Completed, Some(Final::Ok));
            return Answer::Stale;
        }
        let Some(row) = self.leased(claim, any_fence) else {
            self.keep_late(ended);
            return Answer::Stale;
        };
        if !rules.has(Mistake::LogKeepsLease) {
            row.lease_expires_at = None;
        }
        let fence = claim.fence;
        row.log.push(Entry { fence, ..Entry::new(row.fence, ended.source(), end, now) });
        Answer::Done
    }

    /// An answer without effect is kept once.
    fn keep_late(&mut self, ended: Ended) {
        let Ended { claim, end, .. } = ended;
        let now = self.now;
        let Some(row) = self.rows[claim.op].as_mut() else { return };
        if matches!(end, End::InDoubt | End::NotHappened) {
            return;
        }
        let mut same = row.log.iter().filter(|entry| entry.fence == claim.fence);
        if same.any(|entry| entry.late || entry.source != Source::Engine) {
            return;
        }
        row.log.push(Entry {
            fence: claim.fence,
            status: LogStatus::Completed,
            late: true,
            ..Entry::new(row.fence, ended.source(), end, now)
        });
    }

    /// Moves the operation as its PENDING entry says.
    pub fn finalize(&mut self, rules: &Rules, claim: Claim, hook_fails: bool) -> Answer {
        let hooked = rules.declared(claim.op).hooked;
        let any_fence = rules.has(Mistake::FinalizeIgnoresFence);
        let now = self.now;
        let Some(entry) = self.entry(claim, any_fence) else { return Answer::Stale };
        if entry.status != LogStatus::Pending {
            return Answer::Done;
        }
        let (end, source, logged_at) = (entry.end, entry.source, entry.logged_at);
        let Some(row) = self.rows[claim.op].as_ref() else { return Answer::Stale };
        let facts = rules.facts(claim.op, row);
        let next = rules.next(end, &facts, DELAY, logged_at);
        let ends = matches!(next, Move::Finish(_));
        if hooked && ends {
            if !hook_fails || rules.has(Mistake::HookOutsideTransaction) {
                self.rows[claim.op].iter_mut().for_each(|row| row.marks += 1);
            }
            if hook_fails {
                if let Some(entry) = self.entry(claim, any_fence) {
                    entry.due_at = now + DELAY;
                }
                return Answer::HookFailed;
            }
        }
        if let Some(entry) = self.entry(claim, any_fence) {
            entry.status = LogStatus::Completed;
        }
        if let Some(row) = self.rows[claim.op].as_mut() {
            row.note(&rules.tally(end, source, &facts));
        }
        self.carry_out(rules, claim.op, &next);
        Answer::Done
    }

    /// Takes back a claim that was not run, to be due again or to be parked.
    fn release(&mut self, rules: &Rules, claim: Claim, park: bool) -> Answer {
        let now = self.now;
        let Some(row) = self.leased(claim, rules.has(Mistake::ReleaseIgnoresFence)) else {
            return Answer::Stale;
        };
        match row.purpose {
            Purpose::Attempt => {
                row.attempt = row.attempt.saturating_sub(1);
                row.phase = Some(Phase::Waiting);
            }
            Purpose::Reconcile => row.reconciles = row.reconciles.saturating_sub(1),
        }
        if rules.has(Mistake::ReleaseLowersFence) {
            row.fence = Fence::new(row.fence.get() - 1);
        }
        row.lease_expires_at = None;
        row.due_at = (!park).then_some(now);
        if park {
            row.phase = Some(Phase::Parked);
        }
        Answer::Done
    }

    /// Carries out a move. A terminal operation does not move.
    pub(crate) fn carry_out(&mut self, rules: &Rules, op: usize, next: &Move) {
        let Some(row) = self.rows[op].as_mut() else { return };
        if row.status != Status::InProgress {
            return;
        }
        let (phase, due_at) = match next {
            Move::Wait { not_before } => (Some(Phase::Waiting), Some(tick(*not_before))),
            Move::Doubt { not_before } => (Some(Phase::InDoubt), Some(tick(*not_before))),
            Move::Park => {
                let due_at = rules.has(Mistake::ParkedStaysDue).then_some(self.now);
                (Some(Phase::Parked), due_at)
            }
            Move::Finish(outcome) => {
                let Ok(status) = row.status.transition(outcome.status()) else { return };
                row.status = status;
                row.outcome = Some(Final::from(outcome));
                (None, None)
            }
        };
        (row.phase, row.due_at, row.lease_expires_at) = (phase, due_at, None);
    }

    /// The row that this claim holds the lease of: the guard of renew, log and release.
    fn leased(&mut self, claim: Claim, any_fence: bool) -> Option<&mut Row> {
        self.rows[claim.op]
            .as_mut()
            .filter(|row| any_fence || row.fence == claim.fence)
            .filter(|row| !row.status.is_terminal() && row.lease_expires_at.is_some())
    }

    /// The entry logged under this claim, provided that nobody has superseded the claim.
    fn entry(&mut self, claim: Claim, any_fence: bool) -> Option<&mut Entry> {
        let row = self.rows[claim.op].as_mut()?;
        if any_fence {
            return row.log.iter_mut().rfind(|entry| !entry.late);
        }
        let current = row.fence == claim.fence;
        row.log.iter_mut().find(|entry| current && entry.fence == claim.fence && !entry.late)
    }

    /// Notes a write that changed an operation which its sender no longer owned. An answer that
    /// is kept without effect changes nothing.
    fn audited<T>(&mut self, claim: Claim, write: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.rows[claim.op].clone();
        let answer = write(self);
        let superseded = before.as_ref().is_some_and(|row| row.claims != claim.claims);
        if superseded && effective(before) != effective(self.rows[claim.op].clone()) {
            self.audit.stale_write = true;
        }
        answer
    }
}

/// A row without what has no effect. What the terminal status is has an audit of its own.
fn effective(row: Option<Row>) -> Option<Row> {
    let mut row = row?;
    row.log.retain(|entry| !entry.late);
    if row.status.is_terminal() {
        (row.status, row.outcome) = (Status::Completed, None);
    }
    Some(row)
}

impl Rules {
    /// The move after an end, with the delay counted from it.
    pub(crate) fn next(&self, end: End, facts: &Facts, delay: u8, ended_at: u8) -> Move {
        let end = if end == End::InDoubt && self.has(Mistake::DoubtTakenForNo) {
            End::Failed(Verdict { uncertain: false, called: true })
        } else {
            end
        };
        let delay = Duration::from_secs(delay.into());
        after_attempt(&end.attempt_end(), facts, delay, instant(ended_at))
    }

    /// What an end changes in the row beside its move.
    pub(crate) fn tally(&self, end: End, source: Source, facts: &Facts) -> Tally {
        let tally = Tally::of(&end.attempt_end(), source, facts);
        if end == End::Retry && self.has(Mistake::RetryClearsDoubt) {
            return Tally { unresolved: false, ..tally };
        }
        if end == End::Retry && self.has(Mistake::NewKeyInDoubt) {
            return Tally { key_generations: 1, ..tally };
        }
        if end == End::Retry && self.has(Mistake::NewKeyAfterDenial) {
            return Tally { key_generations: u32::from(!facts.unresolved), ..tally };
        }
        tally
    }
}

impl Entry {
    /// A PENDING entry.
    pub(crate) fn new(fence: Fence, source: Source, end: End, now: u8) -> Self {
        let due_at = tick(instant(now).plus(FINALIZER_HEAD_START));
        Self { fence, source, end, logged_at: now, status: LogStatus::Pending, due_at, late: false }
    }
}

impl Write {
    /// Under which claim it is.
    #[must_use]
    pub const fn claim(&self) -> Claim {
        match self {
            Self::Log(ended) | Self::Settle(ended) => ended.claim,
            Self::Finalize(claim) | Self::Release(claim) | Self::Park(claim) => *claim,
        }
    }
}
