//! What moves operations on when their worker does not: the Reaper, the Finalizer, an operator.

use orch_core::machine::{Answer, Fact, Purpose, Resolution};
use orch_core::words::Payload;

use crate::world::{Claim, Entry, Verdict, World};
use crate::{Mistake, Rules};

/// What an operator decides about a parked operation, having looked at the provider's own pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It has acted.
    Ok,
    /// It has not, and shall not.
    Fail,
    /// It has not; run it once more.
    RunAgain,
    /// What is logged is right; run its hook once more.
    RunHook,
    /// What is logged is right; what the hook was to write is written by other means.
    SkipHook,
}

impl World {
    /// Takes a lease back that has run out. False if there is none.
    pub fn reap(&mut self, rules: &Rules, op: usize) -> bool {
        if rules.has(Mistake::ReaperSkipsQuestions)
            && self.load(op).and_then(|row| row.purpose()) == Some(Purpose::Reconcile)
        {
            return false;
        }
        let expires_at = self.rows[op].as_ref().and_then(|row| row.lease_expires_at);
        let reaped = self.apply(rules, op, Fact::LeaseExpired { jitter: 0.0 }) != Answer::Stale;
        self.audit.taken_early |= reaped && expires_at.is_none_or(|at| at > self.now);
        reaped
    }

    /// Puts in doubt an operation whose history may lack an attempt. False if it is whole, or not due.
    pub fn doubt(&mut self, rules: &Rules, op: usize) -> bool {
        let (policy, whole_since) = (&rules.policy(op), self.whole_since.into());
        let fact = Fact::HistoryLost { policy, whole_since, copied: false };
        self.apply(rules, op, fact) != Answer::Stale
    }

    /// Ends an operation whose deadline has passed and that no worker holds. False if it has not,
    /// or one does.
    pub fn spend(&mut self, rules: &Rules, op: usize) -> bool {
        let policy = &rules.policy(op);
        let blind = rules.has(Mistake::EarlierEndsPlainly);
        let whole_since = if blind { 0 } else { self.whole_since.into() };
        self.apply(rules, op, Fact::BudgetSpent { policy: Some(policy), whole_since })
            != Answer::Stale
    }

    /// What the Finalizer finds to do for an operation.
    #[must_use]
    pub fn unfinalized(&self, rules: &Rules, op: usize) -> Option<Claim> {
        if rules.declared(op).hooked && rules.has(Mistake::FinalizerSkipsHooked) {
            return None;
        }
        let row = self.rows[op].as_ref()?;
        let due = |entry: &&Entry| entry.due_at.is_some_and(|due_at| due_at <= self.now);
        let entry = row.log.iter().find(due)?;
        Some(Claim { fence: entry.fence, ..row.claim(op) })
    }

    /// Finalizes what the Finalizer has found.
    pub fn finalize_found(&mut self, rules: &Rules, found: Claim, hook_fails: bool) -> Answer {
        if rules.has(Mistake::FinalizerCallsAgain) {
            return self.call_again(found);
        }
        self.finalize(rules, found, hook_fails)
    }

    /// Carries out an operator's decision. False if the operation is not parked.
    pub fn decide(&mut self, rules: &Rules, op: usize, decision: Decision) -> bool {
        let resolution = decision.resolution();
        let (resolution, whole_since) = (&resolution, self.whole_since.into());
        let Some(fence) = self.load(op).map(|row| row.fence) else { return false };
        let logged = self.logged(op, fence);
        let logged = logged.as_ref();
        let (note, hooked_kinds) = ("", &[]);
        let fact = Fact::Resolved { fence, logged, resolution, note, hooked_kinds, whole_since };
        let answer = self.apply(rules, op, fact);
        let decided =
            !matches!(answer, Answer::NotParked { .. } | Answer::Unfit { .. } | Answer::Stale);
        if let Some(row) = self.rows[op].as_mut().filter(|_| decided) {
            row.skipped |= decision == Decision::SkipHook;
        }
        decided
    }
}

impl Decision {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Ok, Self::Fail, Self::RunAgain, Self::RunHook, Self::SkipHook];

    fn resolution(self) -> Resolution {
        match self {
            Self::Ok => Resolution::Ok(Payload::default()),
            Self::Fail => Resolution::Fail(Verdict { uncertain: false, called: true }.failure()),
            Self::RunAgain => Resolution::RunAgain,
            Self::RunHook => Resolution::RunHook,
            Self::SkipHook => Resolution::SkipHook,
        }
    }
}
