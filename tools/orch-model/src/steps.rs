use orch_core::machine::Answer;
use stateright::{Model, Property};

use crate::invariants::{properties, watch};
use crate::provider::Reply;
use crate::rules::LEASE;
use crate::upkeep::Decision;
use crate::world::{CLIENTS, Ended, Work, Worker, World, Write, identity};
use crate::{Faults, Rules};

/// One step of one participant. What is left out of a step may happen between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A client sends its command, for the first time or again: whether it was told the first
    /// time makes no difference to the store.
    Accept {
        /// Which.
        client: usize,
    },
    /// A worker claims.
    Claim {
        /// Which.
        worker: usize,
        /// What.
        op: usize,
        /// It does not get to know.
        reply_lost: bool,
    },
    /// A worker's handler calls the provider.
    Call {
        /// Which.
        worker: usize,
        /// What comes of it.
        reply: Reply,
    },
    /// A worker's reconcile asks the provider.
    Ask {
        /// Which.
        worker: usize,
        /// False if no answer comes.
        answers: bool,
    },
    /// A worker renews its lease.
    Renew {
        /// Which.
        worker: usize,
    },
    /// A worker decides to give its claim back.
    GiveBack {
        /// Which.
        worker: usize,
    },
    /// A worker's next write reaches the store.
    Write {
        /// Which.
        worker: usize,
        /// The worker is not told, and will write again.
        reply_lost: bool,
        /// The finalize hook fails.
        hook_fails: bool,
    },
    /// A worker dies.
    Crash {
        /// Which.
        worker: usize,
        /// Its write is still on its way.
        stray: bool,
    },
    /// The write of a dead worker arrives.
    StrayArrives,
    /// A worker stands still.
    Pause {
        /// Which.
        worker: usize,
    },
    /// It goes on, as if no time had passed.
    Resume {
        /// Which.
        worker: usize,
    },
    /// The Reaper takes a lease back.
    Reap {
        /// Whose.
        op: usize,
    },
    /// The Reaper puts in doubt what may lack an attempt, or ends what is past its deadline.
    Spend {
        /// Which.
        op: usize,
    },
    /// The Finalizer reads what is logged and not finalized.
    Find {
        /// Of which operation.
        op: usize,
    },
    /// The Finalizer finalizes what it has read.
    Finalize {
        /// The hook fails.
        hook_fails: bool,
    },
    /// The database loses the latest claim of an operation.
    LoseClaim {
        /// Which.
        op: usize,
    },
    /// An operator resolves what is parked.
    Decide {
        /// Which.
        op: usize,
        /// How.
        decision: Decision,
    },
    /// A second passes.
    Tick,
    /// The store's clock jumps by a lease.
    ClockJumps {
        /// Or back.
        forwards: bool,
    },
}

/// More turns of one operation than the shortest way to any mistake has.
const MOST_CLAIMS: u8 = 6;

impl Model for Rules {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.faults)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        world.clients_may(self, steps);
        world.upkeep_may(steps);
        (0..world.workers.len()).for_each(|worker| world.worker_may(worker, steps));
        world.time_may(steps);
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        world.take(self, step)?;
        watch(self, before, &mut world);
        world.workers.sort_unstable();
        (world != *before).then_some(world)
    }

    /// Without a mistake the space is finite; with one there may be no end of claims.
    fn within_boundary(&self, world: &World) -> bool {
        self.mistake.is_none() || world.operations().all(|(_, row)| row.claims <= MOST_CLAIMS)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

/// What somebody may do. Whether it can be done now is seen when the step is taken.
impl World {
    fn clients_may(&self, rules: &Rules, steps: &mut Vec<Step>) {
        for client in 0..CLIENTS {
            // The second client comes after the first; identities are as many as operations.
            let comes = client != 1 || self.rows[0].is_some();
            if comes && identity(client) < rules.operations.len() {
                steps.push(Step::Accept { client });
            }
        }
    }

    fn upkeep_may(&self, steps: &mut Vec<Step>) {
        for (op, _) in self.operations() {
            steps.extend([Step::Reap { op }, Step::Spend { op }]);
            if self.left(|faults| faults.lost_claims) {
                steps.push(Step::LoseClaim { op });
            }
            if self.finalizer.is_none() {
                steps.push(Step::Find { op });
            }
            let decide = |decision| Step::Decide { op, decision };
            steps.extend(Decision::ALL.map(decide));
        }
        if self.finalizer.is_some() {
            let finalize = |hook_fails| Step::Finalize { hook_fails };
            steps.extend(without_and_with(self.left(|faults| faults.failing_hooks)).map(finalize));
        }
    }

    fn worker_may(&self, worker: usize, steps: &mut Vec<Step>) {
        let Worker { work, paused } = self.workers[worker];
        if paused {
            steps.push(Step::Resume { worker });
            return;
        }
        let lost_reply = self.left(|faults| faults.lost_replies);
        match work {
            Work::Idle => {
                for (op, _) in self.operations() {
                    let claim = |reply_lost| Step::Claim { worker, op, reply_lost };
                    steps.extend(without_and_with(lost_reply).map(claim));
                }
                return;
            }
            Work::Attempt(_) => steps.extend(Reply::ALL.map(|reply| Step::Call { worker, reply })),
            Work::Reconcile(_) => {
                steps.extend([false, true].map(|answers| Step::Ask { worker, answers }));
            }
            Work::Returned(_) | Work::Logged(_) | Work::Releasing(_) | Work::Refused(_) => {
                let hooked = matches!(work, Work::Logged(_));
                let failing_hook = hooked && self.left(|faults| faults.failing_hooks);
                for reply_lost in without_and_with(lost_reply) {
                    let write = |hook_fails| Step::Write { worker, reply_lost, hook_fails };
                    steps.extend(without_and_with(failing_hook).map(write));
                }
            }
        }
        steps.push(Step::Renew { worker });
        let calls = matches!(work, Work::Attempt(_) | Work::Reconcile(_));
        if calls && self.left(|faults| faults.given_back) {
            steps.push(Step::GiveBack { worker });
        }
        if self.left(|faults| faults.crashes) {
            steps.extend([false, true].map(|stray| Step::Crash { worker, stray }));
        }
        if self.left(|faults| faults.pauses) {
            steps.push(Step::Pause { worker });
        }
    }

    fn time_may(&self, steps: &mut Vec<Step>) {
        if self.stray.is_some() {
            steps.push(Step::StrayArrives);
        }
        steps.push(Step::Tick);
        if self.left(|faults| faults.clock_steps) {
            steps.extend([false, true].map(|forwards| Step::ClockJumps { forwards }));
        }
    }

    /// True if a fault of this sort may still happen.
    fn left(&self, sort: impl FnOnce(&Faults) -> u8) -> bool {
        self.faults.total > 0 && sort(&self.faults) > 0
    }
}

/// A step without its fault; and with it, if that may happen.
fn without_and_with(fault: bool) -> impl Iterator<Item = bool> {
    [false, true].into_iter().take(1 + usize::from(fault))
}

impl World {
    /// Takes a step. `None` if it cannot be taken.
    fn take(&mut self, rules: &Rules, step: Step) -> Option<()> {
        match step {
            Step::Accept { client } => {
                let told = self.accept(rules, client);
                self.audit.told_wrong |= identity(told) != identity(client);
            }
            Step::Claim { worker, op, reply_lost } => {
                let work = self.claim(rules, op)?;
                if reply_lost {
                    return self.fault(|faults| &mut faults.lost_replies);
                }
                self.workers[worker].work = work;
            }
            Step::Call { worker, reply } => {
                let Work::Attempt(claim) = self.workers[worker].work else { return None };
                if !self.may_call(rules, claim) {
                    self.workers[worker].work = Work::Refused(claim);
                    return (reply == Reply::Done).then_some(());
                }
                let end = self.call(rules, claim, reply)?;
                self.workers[worker].work = Work::Returned(Ended { claim, reconcile: false, end });
            }
            Step::Ask { worker, answers } => {
                let Work::Reconcile(claim) = self.workers[worker].work else { return None };
                let end = self.ask(claim.op, answers);
                self.workers[worker].work = Work::Returned(Ended { claim, reconcile: true, end });
            }
            Step::Renew { worker } => {
                let work = self.workers[worker].work;
                let answer = self.renew(rules, work.claim()?);
                // A handler is cancelled; an end that is there already is stored all the same.
                if answer == Answer::Stale && matches!(work, Work::Attempt(_) | Work::Reconcile(_))
                {
                    self.workers[worker].work = Work::Idle;
                }
            }
            Step::GiveBack { worker } => {
                let claim = self.workers[worker].work.claim()?;
                self.workers[worker].work = Work::Releasing(claim);
                self.fault(|faults| &mut faults.given_back)?;
            }
            Step::Write { worker, reply_lost, hook_fails } => {
                let write = self.next_write(rules, worker)?;
                let answer = self.write(rules, write, hook_fails);
                if hook_fails {
                    self.fault(|faults| &mut faults.failing_hooks)?;
                }
                if reply_lost {
                    return self.fault(|faults| &mut faults.lost_replies);
                }
                self.workers[worker].work = match (write, answer) {
                    (Write::Log(ended), Answer::Logged) => Work::Logged(ended.claim),
                    _ => Work::Idle,
                };
            }
            Step::Crash { worker, stray } => {
                if stray {
                    self.stray = Some(self.next_write(rules, worker)?);
                }
                self.workers[worker].work = Work::Idle;
                self.fault(|faults| &mut faults.crashes)?;
            }
            Step::StrayArrives => {
                let write = self.stray.take()?;
                self.write(rules, write, false);
            }
            Step::Pause { worker } => {
                self.workers[worker].paused = true;
                self.fault(|faults| &mut faults.pauses)?;
            }
            Step::Resume { worker } => self.workers[worker].paused = false,
            Step::Reap { op } => return self.reap(rules, op).then_some(()),
            Step::Spend { op } => {
                return (self.spend(rules, op) || self.doubt(rules, op)).then_some(());
            }
            Step::LoseClaim { op } => {
                self.lose_claim(rules, op)?;
                self.fault(|faults| &mut faults.lost_claims)?;
            }
            Step::Find { op } => self.finalizer = Some(self.unfinalized(rules, op)?),
            Step::Finalize { hook_fails } => {
                let found = self.finalizer.take()?;
                self.finalize_found(rules, found, hook_fails);
                if hook_fails {
                    self.fault(|faults| &mut faults.failing_hooks)?;
                }
            }
            Step::Decide { op, decision } => self.decide_truly(rules, op, decision)?,
            Step::Tick => {
                if self.now >= rules.last_tick || self.somebody_renews_first() {
                    return None;
                }
                self.now += 1;
            }
            Step::ClockJumps { forwards: true } => {
                self.now = (self.now + LEASE).min(rules.last_tick);
                self.fault(|faults| &mut faults.clock_steps)?;
            }
            Step::ClockJumps { forwards: false } => {
                self.now = self.now.saturating_sub(LEASE);
                self.fault(|faults| &mut faults.clock_steps)?;
            }
        }
        Some(())
    }

    /// The write that a worker sends next.
    fn next_write(&self, rules: &Rules, worker: usize) -> Option<Write> {
        match self.workers[worker].work {
            Work::Idle | Work::Attempt(_) | Work::Reconcile(_) => None,
            Work::Returned(ended) if rules.declared(ended.claim.op).hooked => {
                Some(Write::Log(ended))
            }
            Work::Returned(ended) => Some(Write::Settle(ended)),
            Work::Logged(claim) => Some(Write::Finalize(claim)),
            Work::Releasing(claim) => Some(Write::Release(claim)),
            Work::Refused(claim) => Some(Write::Park(claim)),
        }
    }

    /// An operator looks at the provider's pages before deciding.
    fn decide_truly(&mut self, rules: &Rules, op: usize, decision: Decision) -> Option<()> {
        let acted = self.has_acted(op);
        let again = decision == Decision::RunAgain;
        let about_the_hook = matches!(decision, Decision::RunHook | Decision::SkipHook);
        let is_true = about_the_hook || acted == (decision == Decision::Ok);
        if !is_true || (again && self.ran_again) {
            return None;
        }
        self.ran_again |= again;
        self.decide(rules, op, decision).then_some(())
    }

    /// True if a worker that is alive holds a lease which the next tick would end: it renews
    /// before. Only a pause, a crash, a lost reply or a jump of the clock ends a lease.
    fn somebody_renews_first(&self) -> bool {
        self.workers.iter().filter(|worker| !worker.paused).any(|worker| {
            let Some(claim) = worker.work.claim() else { return false };
            let row = self.rows[claim.op].as_ref().filter(|row| row.claims == claim.claims);
            row.and_then(|row| row.lease_expires_at).is_some_and(|at| at <= self.now + 1)
        })
    }

    /// Uses up a fault of this sort.
    fn fault(&mut self, sort: impl FnOnce(&mut Faults) -> &mut u8) -> Option<()> {
        self.faults.total = self.faults.total.checked_sub(1)?;
        let left = sort(&mut self.faults);
        *left = left.checked_sub(1)?;
        Some(())
    }
}
