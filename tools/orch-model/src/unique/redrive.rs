//! `redrive.sql`, and what the store asks before it.

use super::world::{Operation, RedriveAt, Snapshot, State, Work, World};
use super::{Mistake, Rules};

impl World {
    /// The next part of a caller's redrive; `None` while it waits for a lock.
    pub(crate) fn redrive(
        &mut self,
        rules: &Rules,
        caller: usize,
        (call, failed): (u8, u8),
        at: RedriveAt,
    ) -> Option<()> {
        let next = match at {
            RedriveAt::Look if self.is_redrivable(rules, failed) => Some(RedriveAt::Asked),
            // It is purged, or its client is told of the redrive that is there.
            RedriveAt::Look => None,
            RedriveAt::Asked if self.is_refused(rules) => None,
            RedriveAt::Asked => Some(RedriveAt::Begin),
            RedriveAt::Begin => Some(RedriveAt::Letter(self.snapshot())),
            RedriveAt::Letter(_) if self.is_at_another_s(caller, failed) => return None,
            RedriveAt::Letter(seen) => Some(self.lock(rules, failed, seen)),
            RedriveAt::Take(_) if rules.has(Mistake::RedriveHoldsNothing) => {
                Some(RedriveAt::Commit { holds: false })
            }
            RedriveAt::Take(_) if self.is_locked_for(caller) => return None,
            RedriveAt::Take(seen) => Some(self.take(rules, seen)),
            RedriveAt::Commit { holds } => self.run_again(rules, (call, failed), holds),
        };
        self.callers[caller].work =
            next.map_or(Work::Idle, |at| Work::Redrive { call, failed, at });
        Some(())
    }

    fn is_redrivable(&self, rules: &Rules, failed: u8) -> bool {
        let twice = rules.has(Mistake::LetterIsNoGuard);
        self.operations[usize::from(failed)].is_some_and(|it| it.redriven_as.is_none() || twice)
    }

    fn is_refused(&mut self, rules: &Rules) -> bool {
        let refused =
            self.not_failed().next().is_some() && !rules.has(Mistake::RedriveHoldsNothing);
        self.audit.redrive_refused |= refused;
        refused
    }

    /// True if another redrive has the dead letter locked.
    fn is_at_another_s(&self, caller: usize, failed: u8) -> bool {
        let mut others = self.callers.iter().enumerate().filter(|(other, _)| *other != caller);
        others.any(|(_, other)| other.work.locks() == Some(failed))
    }

    /// Where nothing is made, the store looks again why.
    fn lock(&self, rules: &Rules, failed: u8, seen: Snapshot) -> RedriveAt {
        let taken = seen.has_not_failed() && !rules.has(Mistake::RedriveHoldsNothing);
        if self.is_redrivable(rules, failed) && seen.has_failed(failed) && !taken {
            RedriveAt::Take(seen)
        } else {
            RedriveAt::Look
        }
    }

    fn take(&self, rules: &Rules, seen: Snapshot) -> RedriveAt {
        match self.holder {
            None => RedriveAt::Commit { holds: !rules.has(Mistake::RedriveHoldsByRow) },
            Some(holder) if seen.has_failed(holder) => RedriveAt::Commit { holds: true },
            Some(_) => RedriveAt::Look,
        }
    }

    fn run_again(
        &mut self,
        rules: &Rules,
        (call, failed): (u8, u8),
        holds: bool,
    ) -> Option<RedriveAt> {
        let of = self.operations[usize::from(failed)]?;
        let same = self.there().filter(|(_, it)| it.key == of.key);
        let redrive = same.map(|(_, it)| it.redrive).max().unwrap_or(0) + 1;
        let again = Operation { redrive, state: State::Running, redriven_as: None, ..of };
        if holds {
            self.store(call, again);
        } else {
            self.operations[usize::from(call)] = Some(again);
        }
        self.audit.redriven_twice |= of.redriven_as.is_some();
        if let Some(letter) = self.operations[usize::from(failed)].as_mut()
            && !(rules.has(Mistake::LetterIsNoGuard) && letter.redriven_as.is_some())
        {
            letter.redriven_as = Some(call);
        }
        None
    }
}
