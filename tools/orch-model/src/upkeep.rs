//! What moves operations on when their worker does not: the Reaper, the Finalizer, a person.

use orch_core::policies::{self, InDoubt, Move};
use orch_core::store::Purpose;
use orch_core::words::{FinalOutcome, LogStatus, Phase, Source, Status};

use crate::rules::{DELAY, TIME_BUDGET};
use crate::store::Answer;
use crate::world::{Claim, End, Entry, Final, Verdict, World, instant};
use crate::{Mistake, Rules};

/// How far the clock of a host may be ahead of the store's, in ticks.
const AHEAD: u8 = 1;

/// What a person decides about a parked operation, having looked at the provider's own pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It has acted.
    Ok,
    /// It has not, and shall not.
    Fail,
    /// It has not; run it once more.
    RunAgain,
}

impl World {
    /// Takes a lease back that has run out. False if there is none.
    pub fn reap(&mut self, rules: &Rules, op: usize) -> bool {
        let now = self.now;
        let clock = if rules.has(Mistake::ReaperReadsOwnClock) { now + AHEAD } else { now };
        let Some(row) = self.rows[op].as_ref() else { return false };
        let Some(expires_at) = row.lease_expires_at.filter(|expires_at| *expires_at <= clock)
        else {
            return false;
        };
        if row.purpose == Purpose::Reconcile && rules.has(Mistake::ReaperSkipsQuestions) {
            return false;
        }
        self.audit.taken_early |= expires_at > now;
        let facts = rules.facts(op, row);
        // A question that was lost is due again at once.
        let delay = if row.purpose == Purpose::Attempt { DELAY } else { 0 };
        let next = rules.next(End::InDoubt, &facts, delay, now);
        if row.purpose == Purpose::Attempt
            && let Some(row) = self.rows[op].as_mut()
        {
            if !rules.has(Mistake::LostAttemptNotCounted) {
                row.note(&rules.tally(End::InDoubt, Source::Engine, &facts));
            }
            let lost = Entry::new(row.fence, Source::Engine, End::InDoubt, now);
            row.log.push(Entry { status: LogStatus::Completed, ..lost });
        }
        self.supersede(rules, op, &next);
        true
    }

    /// Ends an operation whose deadline has passed and that nobody works on. False if it has
    /// not, or somebody does.
    pub fn spend(&mut self, rules: &Rules, op: usize) -> bool {
        let Some(row) = self.rows[op].as_mut() else { return false };
        let taken = rules.has(Mistake::BudgetSweepTakesRunning);
        let idle = match row.phase {
            None => !row.status.is_terminal(),
            Some(Phase::Waiting) => true,
            Some(Phase::InDoubt) => rules.declared(op).in_doubt == InDoubt::Retry,
            Some(Phase::Running) => taken,
            Some(_) => false,
        };
        if row.deadline > self.now || !idle || !(row.due_at.is_some() || taken) {
            return false;
        }
        if row.status == Status::Pending {
            row.status = Status::InProgress;
        }
        let next = policies::over_budget(&rules.facts(op, row), None);
        self.supersede(rules, op, &next);
        true
    }

    /// What the Finalizer finds to do for an operation.
    #[must_use]
    pub fn unfinalized(&self, rules: &Rules, op: usize) -> Option<Claim> {
        if rules.declared(op).hooked && rules.has(Mistake::FinalizerSkipsHooked) {
            return None;
        }
        let row = self.rows[op].as_ref()?;
        let due = |entry: &&Entry| entry.status == LogStatus::Pending && entry.due_at <= self.now;
        let entry = row.log.iter().find(due)?;
        Some(Claim { fence: entry.fence, ..row.claim(op) })
    }

    /// Finalizes what the Finalizer has found.
    pub fn finalize_found(&mut self, rules: &Rules, found: Claim, hook_fails: bool) -> Answer {
        if rules.has(Mistake::FinalizerCallsAgain) {
            let now = self.now;
            if let Some(row) = self.rows[found.op].as_mut()
                && row.fence == found.fence
                && row.status == Status::InProgress
            {
                row.log.iter_mut().for_each(|entry| entry.status = LogStatus::Completed);
                (row.phase, row.due_at) = (Some(Phase::Waiting), Some(now));
            }
            return Answer::Done;
        }
        self.finalize(rules, found, hook_fails)
    }

    /// Carries out a person's decision. False if the operation is not parked.
    pub fn decide(&mut self, rules: &Rules, op: usize, decision: Decision) -> bool {
        let now = self.now;
        let Some(row) = self.rows[op].as_mut().filter(|row| row.phase == Some(Phase::Parked))
        else {
            return false;
        };
        let end = match decision {
            Decision::Ok => End::Ok,
            Decision::Fail => End::Failed(Verdict { uncertain: false, called: true }),
            Decision::RunAgain => {
                if !rules.has(Mistake::OperatorKeepsFence) {
                    row.fence = row.fence.next();
                }
                row.claims += 1;
                row.deadline = now + TIME_BUDGET;
                row.reconciles = 0;
                let facts = rules.facts(op, row);
                row.note(&rules.tally(End::NotHappened, Source::Operator, &facts));
                let said = Entry::new(row.fence, Source::Operator, End::NotHappened, now);
                row.log.push(Entry { status: LogStatus::Completed, ..said });
                self.carry_out(rules, op, &Move::Wait { not_before: instant(now) });
                return true;
            }
        };
        self.conclude(rules, op, Source::Operator, end);
        true
    }

    /// Raises the fence and makes the move.
    fn supersede(&mut self, rules: &Rules, op: usize, next: &Move) {
        if let Move::Finish(outcome) = next {
            self.conclude(rules, op, Source::Engine, end_of(outcome));
            return;
        }
        if let Some(row) = self.rows[op].as_mut() {
            row.fence = row.fence.next();
            row.claims += 1;
        }
        self.carry_out(rules, op, next);
    }

    /// Takes an operation over and ends it. With a hook the end is logged, and the Finalizer
    /// does the rest.
    fn conclude(&mut self, rules: &Rules, op: usize, source: Source, end: End) {
        let now = self.now;
        let Some(row) = self.rows[op].as_mut() else { return };
        if !(source == Source::Operator && rules.has(Mistake::OperatorKeepsFence)) {
            row.fence = row.fence.next();
        }
        row.claims += 1;
        (row.phase, row.due_at, row.lease_expires_at) = (Some(Phase::Running), None, None);
        row.log.push(Entry::new(row.fence, source, end, now));
        let claim = row.claim(op);
        if !rules.declared(op).hooked {
            self.finalize(rules, claim, false);
        }
    }
}

fn end_of(outcome: &FinalOutcome) -> End {
    Final::from(outcome).into()
}
