//! The verbs of the store over a [`World`]. As every backend does, each loads a row, lets
//! production's [`step`](machine::step) say what a fact means for it, and saves what it says.

use orch_core::machine::{self, Answer, EntryWrite, Fact, Purpose, ReleaseReason};
use orch_core::policies::{InDoubt, MAX_HOOK_FAILURES};
use orch_core::words::{Fence, Status};

use crate::columns::{self, claim_id, instant, seconds, worker};
use crate::rules::{DELAY, LEASE};
use crate::world::{Claim, Ended, Entry, Row, Work, World, Write, identity};
use crate::{Mistake, Rules};

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
        self.rows[client] = Some(Row::accepted(client, self.now, self.whole_since));
        client
    }

    /// **S2.** Leases an operation that is due.
    pub fn claim(&mut self, rules: &Rules, op: usize) -> Option<Work> {
        let policy = rules.policy(op);
        let unclaimed = self.rows[op].clone()?;
        let unresolved = unclaimed.first_called_at.is_some();
        let (worker, id) = (&worker(), claim_id(self.histories));
        let lease = seconds(LEASE);
        let blind = rules.has(Mistake::EarlierIsClaimed);
        let whole_since = if blind { 0 } else { self.whole_since.into() };
        let fact = Fact::Claimed { policy: &policy, worker, id, lease, whole_since };
        let Answer::Claimed(purpose) = self.apply(rules, op, fact) else { return None };
        let row = self.rows[op].as_mut()?;
        row.unclaimed = (rules.faults.lost_claims > 0).then(|| Box::new(unclaimed));
        let claim = row.claim(op);
        Some(match purpose {
            Purpose::Attempt => {
                self.audit.run_in_doubt |= unresolved && policy.in_doubt != InDoubt::Retry;
                Work::Attempt(claim)
            }
            Purpose::Reconcile => Work::Reconcile(claim),
        })
    }

    /// The database goes back to before the latest claim of an operation: its worker does not know.
    /// Who can see that the database is another one puts in doubt what is there.
    pub(crate) fn lose_claim(&mut self, rules: &Rules, op: usize) -> Option<()> {
        let row = self.rows[op].as_mut()?;
        let claims = row.claims + 1;
        *row = Row { claims, ..*row.unclaimed.take()? };
        self.histories += 1;
        self.whole_since += u8::from(rules.notices_losses);
        Some(())
    }

    /// Moves the end of a lease.
    pub fn renew(&mut self, rules: &Rules, claim: Claim) -> Answer {
        let fence =
            self.guard(rules, &[Mistake::RenewIgnoresFence, Mistake::RenewIgnoresClaimId], claim);
        let fact = Fact::Renewed { fence, lease: seconds(LEASE) };
        self.audited(claim, |world| world.apply(rules, claim.op, fact))
    }

    /// A write of a worker about its claim.
    pub fn write(&mut self, rules: &Rules, write: Write, hook_fails: bool) -> Answer {
        self.audited(write.claim(), |world| match write {
            Write::Log(ended) => world.end(rules, ended, false),
            Write::Settle(ended) => world.end(rules, ended, true),
            Write::Finalize(claim) => world.finalize(rules, claim, hook_fails),
            Write::Release(claim) => world.release(rules, claim, &ReleaseReason::Unstarted),
            Write::Park(claim) => {
                let reason = ReleaseReason::Unrunnable { reason: String::new() };
                world.release(rules, claim, &reason)
            }
        })
    }

    /// **S3**, the whole or its first half.
    fn end(&mut self, rules: &Rules, ended: Ended, whole: bool) -> Answer {
        let Ended { claim, end, .. } = ended;
        let fence =
            self.guard(rules, &[Mistake::LogIgnoresFence, Mistake::LogIgnoresClaimId], claim);
        let logged = self.logged(claim.op, fence);
        let ended = machine::Ended {
            fence,
            source: ended.source(),
            end: &rules.said(end).attempt_end(),
            delay: seconds(DELAY),
            logged: logged.as_ref(),
        };
        let fact = if whole { Fact::Settled(ended) } else { Fact::Logged(ended) };
        self.apply(rules, claim.op, fact)
    }

    /// **S3, second half.** The finalize hook runs in the same transaction if the operation ends;
    /// if it fails, that is rolled back, and the failure is written instead.
    pub fn finalize(&mut self, rules: &Rules, claim: Claim, hook_fails: bool) -> Answer {
        let op = claim.op;
        let fence = self.guard(rules, &[Mistake::FinalizeIgnoresFence], claim);
        let mut logged = self.logged(op, fence);
        if let Some(entry) = logged.as_mut().filter(|_| rules.hooks_give_up) {
            entry.hook_failures = MAX_HOOK_FAILURES - 1;
        }
        let logged = logged.as_ref();
        let Some(mut row) = self.load(op) else { return Answer::Stale };
        let has_hook = rules.declared(op).hooked;
        let fact = Fact::Finalized { fence, logged, has_hook };
        let step = self.step(rules, &mut row, fact);
        let runs_hook = rules.declared(op).hooked && step.finishes(&row).is_some();
        if runs_hook && (!hook_fails || rules.has(Mistake::HookOutsideTransaction)) {
            self.rows[op].iter_mut().for_each(|row| row.marks += 1);
        }
        if runs_hook && hook_fails {
            let failed = Fact::HookFailed { fence, logged, error: "", jitter: 0.0 };
            return self.apply(rules, op, failed);
        }
        self.save(op, fact, step)
    }

    /// Takes back a claim that was not run.
    fn release(&mut self, rules: &Rules, claim: Claim, reason: &ReleaseReason) -> Answer {
        let fence = self.guard(
            rules,
            &[Mistake::ReleaseIgnoresFence, Mistake::ReleaseIgnoresClaimId],
            claim,
        );
        let logged = self.logged(claim.op, fence);
        self.apply(rules, claim.op, Fact::Released { fence, reason, logged: logged.as_ref() })
    }

    /// Carries out what a fact means for an operation; [`Answer::Stale`] if there is none.
    pub(crate) fn apply(&mut self, rules: &Rules, op: usize, fact: Fact<'_>) -> Answer {
        let Some(mut row) = self.load(op) else { return Answer::Stale };
        let step = self.step(rules, &mut row, fact);
        self.save(op, fact, step)
    }

    pub(crate) fn load(&self, op: usize) -> Option<machine::Row> {
        Some(self.rows[op].as_ref()?.decode(op))
    }

    /// What a fact means for a row, by production's rule; a mistake is made before it or after it.
    fn step(&self, rules: &Rules, row: &mut machine::Row, fact: Fact<'_>) -> machine::Step {
        let mut now = instant(self.now);
        rules.misread(row, fact, &mut now);
        let mut step = machine::step(row, fact, now);
        rules.miswrite(row, fact, now, &mut step);
        step
    }

    fn save(&mut self, op: usize, fact: Fact<'_>, step: machine::Step) -> Answer {
        let Some(row) = self.rows[op].as_mut() else { return Answer::Stale };
        let Row { claims, first_end, marks, skipped, .. } = *row;
        let claims = claims + u8::from(takes_over(fact, &step.answer));
        let log = std::mem::take(&mut row.log);
        *row = Row { log, claims, first_end, marks, skipped, ..Row::encode(&step.row) };
        step.entries.iter().for_each(|write| row.write(write));
        step.answer
    }

    /// What the log holds under a fence, late entries left out.
    pub(crate) fn logged(&self, op: usize, fence: Fence) -> Option<machine::Entry> {
        let log = &self.rows[op].as_ref()?.log;
        let under = |entry: &&Entry| columns::fence(entry.fence) == fence && !entry.late;
        log.iter().find(under).map(Entry::decode)
    }

    /// Notes a write that changed an operation which its sender no longer owned. An answer that
    /// is kept without effect changes nothing.
    fn audited<T>(&mut self, claim: Claim, write: impl FnOnce(&mut Self) -> T) -> T {
        if !self.is_superseded(claim) {
            return write(self);
        }
        let before = effective(self.rows[claim.op].clone());
        let answer = write(self);
        self.audit.stale_write |= before != effective(self.rows[claim.op].clone());
        answer
    }
}

/// True if the operation has another owner from then on: the audit counts this without the fence.
fn takes_over(fact: Fact<'_>, answer: &Answer) -> bool {
    match fact {
        Fact::Claimed { .. }
        | Fact::LeaseExpired { .. }
        | Fact::BudgetSpent { .. }
        | Fact::HistoryLost { .. } => *answer != Answer::Stale,
        Fact::Resolved { .. } => {
            !matches!(answer, Answer::NotParked { .. } | Answer::Unfit { .. } | Answer::Stale)
        }
        Fact::Answered { .. } => {
            !matches!(answer, Answer::Kept | Answer::Noted | Answer::Stale)
                && !matches!(answer, Answer::Moved(orch_core::machine::Finalized::AlreadyFinal(_)))
        }
        Fact::Renewed { .. }
        | Fact::Released { .. }
        | Fact::Logged(_)
        | Fact::Settled(_)
        | Fact::Finalized { .. }
        | Fact::HookFailed { .. }
        | Fact::Redriven { .. }
        | Fact::Undecodable { .. } => false,
    }
}

/// A row without what has no effect. What the terminal status is has an audit of its own.
fn effective(row: Option<Row>) -> Option<Row> {
    let mut row = row?;
    row.log.retain(|entry| !entry.late);
    row.unclaimed = None;
    if row.status.is_terminal() {
        (row.status, row.outcome) = (Status::Completed, None);
    }
    Some(row)
}

impl Row {
    /// A late entry is kept once. Of the others the databases keep one for each fence, too; here
    /// they are all kept, and I8 holds that the machine never asks for a second one.
    fn write(&mut self, write: &EntryWrite) {
        let (EntryWrite::Append(entry) | EntryWrite::Update(entry)) = write;
        let entry = Entry::encode(entry);
        let there = self.log.iter_mut().find(|e| (e.fence, e.late) == (entry.fence, entry.late));
        match (write, there) {
            (EntryWrite::Append(_), Some(_)) if entry.late => {}
            (EntryWrite::Append(_), _) => self.log.push(entry),
            (EntryWrite::Update(_), Some(there)) => *there = entry,
            (EntryWrite::Update(_), None) => {}
        }
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
