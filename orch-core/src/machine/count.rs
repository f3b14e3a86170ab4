//! What claims and ends cost, and when it is enough. No other file changes a count or compares one with
//! its limit; `docs/book/attempts.md` says the same to users.
//!
//! | what happens | what it costs |
//! |---|---|
//! | claimed for an attempt | one of `max_attempts`: it is counted before the handler runs, so that one that kills its process is stopped too |
//! | claimed for a reconcile | one of `max_reconciles` |
//! | given back without a run: a shutdown, a worker that lacks a part, a call that must not be made | what the claim has cost comes back |
//! | the attempt ended with Retry, with or without `after` | nothing more; `retries` goes up |
//! | the attempt ended in doubt or its result is unreadable: the handler said so, a timeout, a panic, a lost lease; or the database has lost it | nothing more; `lost_attempts` goes up |
//! | the attempt ended with Ok or Fail | nothing more |
//! | the attempt ended with *still running* | nothing: the claim comes back and `uncounted` goes up, until that is `max_uncounted`. `retries` goes up, and `lost_attempts` is 1 at least |
//! | the attempt ended with *submitted* | nothing more; `lost_attempts` goes up, and no other attempt follows. All reconciles come back |
//! | the attempt ended with *already done* | nothing more; `lost_attempts` goes up |
//! | the reconcile ended, whatever it was told | nothing more: the handler did not run. Where it stays submitted, what the claim has cost comes back: its deadline is the bound |
//! | the finalize hook failed | one of [`MAX_HOOK_FAILURES`], and no attempt: the provider is not called again |
//! | an operator lets it run again | all reconciles come back, and all executions that use up no attempt; attempts do not |
//!
//! So `attempt <= max_attempts` unless an operator decides, `uncounted <= max_uncounted`, and the handler
//! ran at most `1 + retries + lost_attempts` times, counted or not.
//!
//! After *still running*, *already done* and *submitted* a call is out there of which the history may know no lost
//! attempt: the key went to the provider before, by a call that the database has forgotten, or is in the
//! hands of somebody else. So they count as if one was lost, and the key stays as it is from then on.
//!
//! Where Postgres has a statement of its own, it spells the same, and the agreement tests compare.

use super::{Entry, Purpose, Row};
use crate::policies::MAX_HOOK_FAILURES;
use crate::words::{AttemptEnd, LogEntry, Outcome, Source};

impl Row {
    /// Counts a claim.
    pub(super) fn count_claim(&mut self, purpose: Purpose) {
        let count = self.claims(purpose);
        *count = count.saturating_add(1);
    }

    /// Takes a claim back that was given back without a run.
    pub(super) fn uncount_claim(&mut self, purpose: Purpose) {
        let count = self.claims(purpose);
        *count = count.saturating_sub(1);
    }

    const fn claims(&mut self, purpose: Purpose) -> &mut u32 {
        match purpose {
            Purpose::Attempt => &mut self.attempt,
            Purpose::Reconcile => &mut self.reconciles,
        }
    }

    /// True if there is no other reconcile.
    pub(super) const fn reconciles_are_used_up(&self) -> bool {
        self.reconciles >= self.policy.max_reconciles
    }

    /// True if there is no other attempt once this end is counted.
    pub(super) const fn attempts_are_used_up_by(&self, end: &AttemptEnd) -> bool {
        let attempt = self.attempt.saturating_sub(self.given_back_by(end));
        attempt >= self.policy.max_attempts
    }

    /// What an end gives back of the attempts: 1 where the provider was at work on an earlier call.
    const fn given_back_by(&self, end: &AttemptEnd) -> u32 {
        match end {
            AttemptEnd::StillRunning { .. } if self.uncounted < self.policy.max_uncounted => 1,
            _ => 0,
        }
    }

    /// Gives the attempt back that used up none. Only of an operation that goes on: the last execution of
    /// one that has ended counts, so that what it tells of its attempts is what has led to its end.
    pub(super) fn give_back(&mut self, log: &LogEntry) {
        if log.source != Source::Reconcile {
            let given_back = self.given_back_by(&log.end);
            self.attempt = self.attempt.saturating_sub(given_back);
            self.uncounted = self.uncounted.saturating_add(given_back);
        }
    }

    /// Gives the reconcile back after which it stays submitted. A lost one is not given back, so that a
    /// reconcile that kills its process is stopped.
    pub(super) fn give_back_reconcile(&mut self, log: &LogEntry) {
        if log.source == Source::Reconcile {
            self.uncount_claim(Purpose::Reconcile);
        }
    }

    /// An operator lets it run again and answers for what was before: it may be reconciled, and told that
    /// it is still running, as often as at first.
    pub(super) const fn renew(&mut self) {
        self.reconciles = 0;
        self.uncounted = 0;
        self.already_done = false;
        self.submitted = false;
    }

    /// Counts what has ended, and keeps why it ended so. A reconcile without an answer is no lost
    /// attempt: the handler did not run.
    pub(super) fn count(&mut self, log: &LogEntry) {
        self.unhandled_since = None;
        match &log.end {
            AttemptEnd::Outcome(Outcome::Retry { reason, .. }) => {
                self.retries = self.retries.saturating_add(1);
                self.key_generation = self.key_generation.saturating_add(self.new_keys());
                self.reason = Some(reason.clone());
            }
            AttemptEnd::Outcome(Outcome::Ok { .. } | Outcome::Fail(_)) => {
                self.first_called_at = None;
            }
            AttemptEnd::NotHappened if self.submitted => {
                self.doubt(log, "the provider has not acted")
            }
            AttemptEnd::NotHappened => {
                self.first_called_at = None;
                self.reason = Some("the provider has not acted".to_owned());
            }
            // Counted as lost, so that no later call has another key than the one that has acted.
            AttemptEnd::InDoubt { reason } | AttemptEnd::Unreadable { reason, .. } => {
                let lost = u32::from(log.source != Source::Reconcile);
                self.lost_attempts = self.lost_attempts.saturating_add(lost);
                self.doubt(log, reason);
            }
            AttemptEnd::StillRunning { reason, .. } => {
                let ran = u32::from(log.source != Source::Reconcile);
                self.retries = self.retries.saturating_add(ran);
                self.lost_attempts = self.lost_attempts.max(1);
                self.doubt(log, reason);
            }
            AttemptEnd::Submitted { reason, .. } => {
                let ran = log.source != Source::Reconcile;
                self.lost_attempts = self.lost_attempts.saturating_add(u32::from(ran)).max(1);
                if ran {
                    // Those before were about earlier calls.
                    self.reconciles = 0;
                }
                self.doubt(log, reason);
                self.submitted = true;
                self.reason = Some(reason.clone());
            }
            AttemptEnd::AlreadyDone { reason } => {
                self.already_done = true;
                self.lost_attempts = self.lost_attempts.saturating_add(1);
                self.doubt(log, reason);
            }
        }
    }

    /// Doubt remains, since the oldest call that has left it. While it is submitted, the reason stays what the
    /// provider has accepted it as.
    fn doubt(&mut self, log: &LogEntry, reason: &str) {
        self.first_called_at.get_or_insert(log.started_at.unwrap_or(log.logged_at));
        if !self.submitted {
            self.reason = Some(reason.to_owned());
        }
    }

    /// 1 after a definite error of a provider that replays errors, which would answer the same key
    /// with it for ever. 0 once an attempt was lost, even after its doubt is cleared by "not
    /// happened": its call may still be on its way with the old key, the error may come from
    /// something before the provider, and behind a new key it could act twice.
    ///
    /// Whether errors are replayed is what the claim wrote for the attempt that has ended. The key
    /// depends on nothing else than this count, so a contract that a deploy changes never changes
    /// the key of an earlier call.
    fn new_keys(&self) -> u32 {
        u32::from(self.policy.replays_errors && self.lost_attempts == 0)
    }
}

impl Entry {
    /// Counts a failure of its finalize hook. True if the hook is not run again by itself.
    pub(super) const fn count_hook_failure(&mut self) -> bool {
        self.hook_failures = self.hook_failures.saturating_add(1);
        self.hook_failures >= MAX_HOOK_FAILURES
    }
}

#[cfg(test)]
mod tests;
