use stateright::{Model, Property};

use super::invariants::properties;
use super::world::{AcceptAt, RedriveAt, State, Work, World};
use super::{Mistake, Rules};

/// One step of one participant. What is left out of a step may happen between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A caller sends its request, for the first time or again.
    Accept {
        /// Which.
        caller: usize,
    },
    /// A caller has a failed operation redriven.
    Redrive {
        /// Which.
        caller: usize,
        /// What.
        failed: u8,
    },
    /// The next part of a caller's call is carried out.
    Next {
        /// Which.
        caller: usize,
    },
    /// The same, of a part that commits; its reply is lost, and the caller sends the call again.
    ReplyLost {
        /// Which.
        caller: usize,
    },
    /// A caller's connection breaks: what is not committed is undone, and it sends the call again.
    Break {
        /// Which.
        caller: usize,
    },
    /// A caller dies: what is not committed is undone. It may come back, with another call.
    Die {
        /// Which.
        caller: usize,
    },
    /// An operation ends.
    End {
        /// Which.
        operation: u8,
        /// True if it has failed.
        fails: bool,
    },
    /// An operation is removed.
    Purge {
        /// Which.
        operation: u8,
    },
}

impl Model for Rules {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for (caller, it) in world.callers.iter().enumerate() {
            if it.work == Work::Idle {
                if world.calls < self.calls {
                    steps.push(Step::Accept { caller });
                    let failed = world.there().filter(|(_, it)| it.state == State::Failed);
                    steps.extend(failed.map(|(failed, _)| Step::Redrive { caller, failed }));
                }
                continue;
            }
            steps.push(Step::Next { caller });
            if world.faults > 0 {
                steps.extend([
                    Step::ReplyLost { caller },
                    Step::Break { caller },
                    Step::Die { caller },
                ]);
            }
        }
        for (operation, it) in world.there() {
            if it.state == State::Running {
                steps.extend([true, false].map(|fails| Step::End { operation, fails }));
            }
            steps.push(Step::Purge { operation });
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.take_step(self, step)?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

impl World {
    fn take_step(&mut self, rules: &Rules, step: Step) -> Option<()> {
        match step {
            Step::Accept { caller } => {
                let call = self.call();
                self.callers[caller].work = Work::Accept { call, at: AcceptAt::Begin };
            }
            Step::Redrive { caller, failed } => {
                let call = self.call();
                self.callers[caller].work = Work::Redrive { call, failed, at: RedriveAt::Look };
            }
            Step::Next { caller } => self.go_on(rules, caller)?,
            Step::ReplyLost { caller } => {
                let again = self.callers[caller].work.sent_again();
                let stored = self.operations;
                self.go_on(rules, caller)?;
                if stored == self.operations {
                    return None;
                }
                self.callers[caller].work = again;
                self.faults -= 1;
            }
            Step::Break { caller } => {
                let again = self.callers[caller].work.sent_again();
                if again == self.callers[caller].work {
                    return None;
                }
                self.callers[caller].work = again;
                self.faults -= 1;
            }
            Step::Die { caller } => {
                self.callers[caller].work = Work::Idle;
                self.faults -= 1;
            }
            Step::End { operation, fails } => self.end(operation, fails)?,
            Step::Purge { operation } => {
                self.purges = self.purges.checked_sub(1)?;
                self.purge(rules, operation)?;
            }
        }
        Some(())
    }

    fn call(&mut self) -> u8 {
        self.calls += 1;
        self.calls - 1
    }

    /// The next part of a caller's call; `None` while it waits for a lock.
    pub(crate) fn go_on(&mut self, rules: &Rules, caller: usize) -> Option<()> {
        match self.callers[caller].work {
            Work::Idle => None,
            Work::Accept { call, at } => self.accept(rules, caller, call, at),
            Work::Redrive { call, failed, at } => self.redrive(rules, caller, (call, failed), at),
        }
    }

    /// The end of an operation.
    pub(crate) fn end(&mut self, operation: u8, fails: bool) -> Option<()> {
        let it = self.operations[usize::from(operation)].as_mut()?;
        it.state = if fails { State::Failed } else { State::Completed };
        Some(())
    }

    /// Removes an operation that has ended, and the row of its biz key with it. One that was redriven
    /// stays as long as the new one. One that is locked is passed over; and it is kept for days, while
    /// the call that made it is sent again for seconds.
    fn purge(&mut self, rules: &Rules, operation: u8) -> Option<()> {
        let it = self.operations[usize::from(operation)]?;
        let again = it.redriven_as.and_then(|again| self.operations[usize::from(again)]);
        let locked = self.callers.iter().any(|other| other.work.locks() == Some(operation));
        let held = self.holder == Some(operation);
        // The reference waits for whoever is taking the row over.
        let young = self.callers.iter().any(|other| other.work.call() == Some(operation));
        let waits = held && self.callers.iter().any(|other| other.work.holds_the_row());
        let kept = it.state == State::Running || again.is_some();
        if kept || young || locked || waits {
            return None;
        }
        self.operations[usize::from(operation)] = None;
        if held && !rules.has(Mistake::PurgeLeavesTheRow) {
            self.holder = None;
        }
        Some(())
    }
}

impl Work {
    /// The same call, sent again.
    const fn sent_again(self) -> Self {
        match self {
            Self::Idle => Self::Idle,
            Self::Accept { call, .. } => Self::Accept { call, at: AcceptAt::Begin },
            Self::Redrive { call, failed, .. } => {
                Self::Redrive { call, failed, at: RedriveAt::Look }
            }
        }
    }
}
