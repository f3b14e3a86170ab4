//! `accept_unique.sql`, `accept_present.sql`, `accept_taken.sql`, and what the store makes of them.

use super::world::{AcceptAt, Operation, Snapshot, State, Work, World};
use super::{Mistake, Rules};

impl World {
    /// The next part of a caller's accept; `None` while it waits for a lock.
    pub(crate) fn accept(
        &mut self,
        rules: &Rules,
        caller: usize,
        call: u8,
        at: AcceptAt,
    ) -> Option<()> {
        let key = self.callers[caller].key;
        let next = match at {
            AcceptAt::Begin if self.wants(rules, key) => Some(AcceptAt::Take(self.snapshot())),
            AcceptAt::Begin => Some(AcceptAt::Present),
            AcceptAt::Take(_) if self.is_locked_for(caller) => return None,
            AcceptAt::Take(seen) if self.may_take(rules, seen) => Some(AcceptAt::Commit),
            AcceptAt::Take(_) => Some(AcceptAt::Present),
            AcceptAt::Commit => self.create(rules, key, call),
            AcceptAt::Present if rules.has(Mistake::TakenAskedFirst) => {
                if self.not_failed().next().is_some() {
                    Some(AcceptAt::Taken)
                } else {
                    self.own(key)
                }
            }
            AcceptAt::Present => self.own(key),
            AcceptAt::Taken => self.in_the_way(rules, key),
        };
        self.callers[caller].work = next.map_or(Work::Idle, |at| Work::Accept { call, at });
        Some(())
    }

    /// By the snapshot, which is that of this moment: whether its own request is new and nobody is there.
    fn wants(&self, rules: &Rules, key: u8) -> bool {
        let own = self.of_request(key).is_some() && !rules.has(Mistake::OwnIsNotAsked);
        let held = if rules.has(Mistake::FailedHolds) {
            self.there().next().is_some()
        } else {
            self.not_failed().next().is_some()
        };
        !own && !held
    }

    /// `ON CONFLICT … DO UPDATE … WHERE`: the row is the newest one, the dead letter is looked for in
    /// the snapshot.
    fn may_take(&self, rules: &Rules, seen: Snapshot) -> bool {
        let failed = |holder| seen.has_failed(holder) || rules.has(Mistake::TakeOverUnasked);
        self.holder.is_none_or(failed)
    }

    /// The rest of the statement. An operation of the same request that has come meanwhile is left, so
    /// the row refers to nothing, and the statement is undone.
    fn create(&mut self, rules: &Rules, key: u8, call: u8) -> Option<AcceptAt> {
        if self.of_request(key).is_some() {
            if rules.has(Mistake::NoReference) {
                self.holder = Some(call);
                return Some(AcceptAt::Present);
            }
            self.audit.undone = true;
            return Some(AcceptAt::Begin);
        }
        self.store(call, Operation { key, redrive: 0, state: State::Running, redriven_as: None });
        None
    }

    /// An operation and its biz key, in one commit.
    pub(crate) fn store(&mut self, call: u8, operation: Operation) {
        self.audit.taken_over |= self.holder.is_some();
        self.holder = Some(call);
        self.operations[usize::from(call)] = Some(operation);
    }

    fn own(&mut self, key: u8) -> Option<AcceptAt> {
        let Some(own) = self.of_request(key) else { return Some(AcceptAt::Taken) };
        self.audit.replayed_failed |=
            self.operations[usize::from(own)].is_some_and(|it| it.state == State::Failed);
        None
    }

    /// Where its own request is there by now, nothing is said, and the store asks from the start.
    fn in_the_way(&mut self, rules: &Rules, key: u8) -> Option<AcceptAt> {
        let own = self.of_request(key);
        if own.is_some()
            && !rules.has(Mistake::TakenMayBeOwn)
            && !rules.has(Mistake::TakenAskedFirst)
        {
            return Some(AcceptAt::Begin);
        }
        let named = if rules.has(Mistake::TakenMayHaveFailed) {
            self.there().next()
        } else {
            self.not_failed().next()
        };
        let Some((_, operation)) = named else { return Some(AcceptAt::Begin) };
        self.audit.refused = true;
        self.audit.told_wrong |= own.is_some();
        self.audit.refused_wrong |= operation.state == State::Failed;
        None
    }
}
