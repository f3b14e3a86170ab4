use orch_core::machine::Answer;

use crate::Rules;
use crate::provider::Reply;
use crate::rules::{LEASE, MAX_RECONCILES, TIME_BUDGET};
use crate::world::{Claim, End, Ended, Work, World, Write};

/// The longest way to an end: each attempt and each question is lost after a whole lease, waits
/// for its turn, and the end waits for the Finalizer.
const fn long_enough(rules: &Rules) -> u32 {
    (rules.max_attempts + MAX_RECONCILES + 1) * (LEASE as u32 + 2) + 2 * TIME_BUDGET as u32
}

impl World {
    /// True if everything comes to its end once faults stop, though every worker is gone with
    /// what it knew: whatever is needed is in the database.
    #[must_use]
    pub fn heals(&self, rules: &Rules) -> bool {
        if self.is_at_rest() {
            return true;
        }
        let mut world = self.clone();
        world.stray = None;
        for _ in 0..long_enough(rules) {
            world.now = world.now.saturating_add(1);
            let accepted: Vec<usize> = world.operations().map(|(op, _)| op).collect();
            accepted.into_iter().for_each(|op| world.work_on(rules, op));
            if world.is_at_rest() {
                return true;
            }
        }
        false
    }

    fn is_at_rest(&self) -> bool {
        self.operations().all(|(_, row)| row.at_rest())
    }

    /// What the upkeep and one new worker do for an operation in one tick.
    fn work_on(&mut self, rules: &Rules, op: usize) {
        self.reap(rules, op);
        self.doubt(rules, op);
        self.spend(rules, op);
        if let Some(found) = self.unfinalized(rules, op) {
            self.finalize_found(rules, found, false);
        }
        let ended = match self.claim(rules, op) {
            Some(Work::Attempt(claim)) if !self.may_call(rules, claim) => {
                self.write(rules, Write::Park(claim), false);
                None
            }
            Some(Work::Attempt(claim)) => self.any_answer(rules, claim),
            Some(Work::Reconcile(claim)) => {
                Some(Ended { claim, reconcile: true, end: self.ask(claim.op, true) })
            }
            _ => None,
        };
        if let Some(ended) = ended {
            let hooked = rules.declared(op).hooked;
            let write = if hooked { Write::Log(ended) } else { Write::Settle(ended) };
            if self.write(rules, write, false) == Answer::Logged && hooked {
                self.write(rules, Write::Finalize(ended.claim), false);
            }
        }
    }

    /// The first answer that the provider may give.
    fn any_answer(&mut self, rules: &Rules, claim: Claim) -> Option<Ended> {
        let mut call = |reply| self.call(rules, claim, reply);
        let end: Option<End> = call(Reply::Done).or_else(|| call(Reply::Declined));
        end.map(|end| Ended { claim, reconcile: false, end })
    }
}
