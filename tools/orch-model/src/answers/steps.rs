use std::time::Duration;

use orch_core::machine::{self, Ended, Fact, Message, Purpose};
use orch_core::policies::{Effect, HandlerEnd, InDoubt};
use orch_core::words::{AttemptEnd, ClaimId, Failure, Outcome, Payload, Phase, Source};
use stateright::{Model, Property};

use super::invariants::properties;
use super::provider::{Answer, Reply};
use super::row::{Due, Row, fence, instant, policy, small, worker};
use super::world::{End, Run, World};
use super::{KEYS, Rules};

/// One step of one participant. What is left out of a step may happen between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A worker claims the operation.
    Claim,
    /// A worker calls the provider.
    Call {
        /// Which.
        run: usize,
        /// What comes of it.
        reply: Reply,
    },
    /// A worker asks the provider what happened.
    Ask {
        /// Which.
        run: usize,
        /// What it is told.
        answer: Answer,
    },
    /// A worker stores how its attempt, or its reconcile, has ended.
    Settle {
        /// Which.
        run: usize,
    },
    /// A worker dies.
    Die {
        /// Which.
        run: usize,
    },
    /// The lease runs out; its worker may go on.
    LeaseExpires,
    /// So much time passes that the provider is asked about what it has accepted, before the deadline.
    PauseEnds,
    /// The deadline passes.
    DeadlinePasses,
    /// A sweep ends what is over its time budget.
    Sweep,
    /// The provider writes a message of its own.
    Write {
        /// What it says.
        answer: Answer,
    },
    /// That arrives.
    Deliver,
    /// The provider is done with a call that it was at work on.
    WorkEnds {
        /// The generation of its key.
        generation: usize,
        /// True if it has acted.
        acts: bool,
    },
}

impl Model for Rules {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        steps.extend([Step::Claim, Step::LeaseExpires, Step::PauseEnds]);
        steps.extend([Step::DeadlinePasses, Step::Sweep]);
        for (run, it) in world.runs.iter().enumerate() {
            match (it.end, it.reconciles) {
                (Some(_), _) => steps.push(Step::Settle { run }),
                (None, false) => steps.extend(Reply::ALL.map(|reply| Step::Call { run, reply })),
                (None, true) => steps.extend(Answer::ALL.map(|answer| Step::Ask { run, answer })),
            }
            steps.push(Step::Die { run });
        }
        let ends = |generation| [true, false].map(|acts| Step::WorkEnds { generation, acts });
        steps.extend((0..KEYS).flat_map(ends));
        steps.extend(Answer::ALL.map(|answer| Step::Write { answer }));
        steps.push(Step::Deliver);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.take_step(self, step)?;
        Some(next).filter(|next| next != world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

impl World {
    /// `None` where it cannot be taken.
    pub(super) fn take_step(&mut self, rules: &Rules, step: Step) -> Option<()> {
        match step {
            Step::Claim => self.claim(rules),
            Step::Call { run, reply } => {
                let end = self.call(rules, self.runs[run].generation, reply)?;
                self.runs[run].end = Some(end);
                Some(())
            }
            Step::Ask { run, answer } => {
                let end = self.ask(answer)?;
                self.runs[run].end = Some(end);
                Some(())
            }
            Step::Settle { run } => {
                let run = self.runs.remove(run);
                self.settle(rules, run);
                Some(())
            }
            Step::Die { run } => {
                self.faults = self.faults.checked_sub(1)?;
                self.runs.remove(run);
                Some(())
            }
            Step::LeaseExpires => self.lease_expires(rules),
            Step::PauseEnds => self.pause_ends(),
            // What the database has lost before the operation hears of it is noticed elsewhere.
            Step::DeadlinePasses if self.late || self.is_deceived(rules) => None,
            Step::DeadlinePasses => {
                self.late = true;
                Some(())
            }
            Step::Sweep => {
                let fact = Fact::BudgetSpent { policy: None, whole_since: 1 };
                let row = self.row.clone();
                self.step(rules, fact, None);
                (row != self.row).then_some(())
            }
            Step::WorkEnds { generation, acts } => self.work_ends(generation, acts),
            Step::Write { answer } => self.write(answer),
            Step::Deliver => self.deliver(rules),
        }
    }

    fn claim(&mut self, rules: &Rules) -> Option<()> {
        let (policy, worker) = (policy(rules.in_doubt), worker());
        let (id, lease) = (ClaimId::NONE, Duration::ZERO);
        let fact = Fact::Claimed { policy: &policy, worker: &worker, id, lease, whole_since: 1 };
        let unresolved = self.row.unresolved;
        let machine::Answer::Claimed(purpose) = self.step(rules, fact, None) else { return None };
        let reconciles = purpose == Purpose::Reconcile;
        let Row { fence, key_generation: generation, .. } = self.row;
        self.runs.push(Run { fence, generation, unresolved, reconciles, end: None });
        if !reconciles {
            self.audit.runs += 1;
            self.audit.run_after_over |= self.audit.over;
        }
        Some(())
    }

    fn settle(&mut self, rules: &Rules, run: Run) {
        let Some(said) = run.end else { return };
        let held = self.row.leased && self.row.fence == run.fence;
        let end = rules.said(said, run.reconciles);
        // The rules of a handler's failure in doubt are production's.
        let clears_doubt = said == End::Refused;
        let end = HandlerEnd { clears_doubt, ..attempt_end(end).into() };
        let end = end.of_operation(run.unresolved, Effect::Keyed);
        let source = if run.reconciles { Source::Reconcile } else { Source::Handler };
        let (fence, delay) = (fence(run.fence), Duration::ZERO);
        let ended = Ended { fence, source, end: &end, delay, logged: None };
        self.step(rules, Fact::Settled(ended), Some(said));
        if held {
            let over = matches!(said, End::AlreadyDone | End::Refused | End::Submitted);
            self.audit.over |= over;
            self.audit.submitted |= said == End::Submitted;
            self.audit.told |=
                over || said == End::StillRunning || said == End::InDoubt && !run.reconciles;
        }
    }

    /// A message is recorded and applied. It is kept while it has to wait.
    fn deliver(&mut self, rules: &Rules) -> Option<()> {
        let said = match self.message? {
            Answer::Happened => End::Ok,
            Answer::NotHappened => End::NotHappened,
            Answer::Refused => End::Refused,
            Answer::Accepted | Answer::Unanswered => return None,
        };
        let (id, end) = (ClaimId::of(1), attempt_end(said));
        let is_new = !self.message_has_waited;
        let message =
            Message { end: &end, source: "", id, is_new, hooked_kinds: &[], whole_since: 1 };
        let ended = self.row.outcome.is_some();
        let acted = self.audit.acts > 0;
        let fact = Fact::Answered { message: &message, logged: None };
        if self.step(rules, fact, Some(said)) == machine::Answer::Kept {
            self.message_has_waited = true;
            return Some(());
        }
        self.message = None;
        self.audit.ended_by_message |= !ended && self.row.outcome.is_some();
        self.audit.stale_message |= acted && said != End::Ok;
        Some(())
    }

    /// Without a reconcile it is not looked at before its deadline, whatever time it is.
    fn pause_ends(&mut self) -> Option<()> {
        let asked = self.row.phase == Some(Phase::Submitted)
            && self.row.in_doubt == InDoubt::Reconcile
            && self.row.due == Due::AtTheDeadline;
        self.pauses = self.pauses.checked_sub(1).filter(|_| asked)?;
        self.row.due = Due::Now;
        Some(())
    }

    fn lease_expires(&mut self, rules: &Rules) -> Option<()> {
        let held = (0..self.runs.len()).any(|run| self.holds(run));
        if !self.row.leased {
            return None;
        }
        // One whose worker is dead runs out by itself.
        self.faults = self.faults.checked_sub(u8::from(held))?;
        let attempt = self.row.phase == Some(Phase::Running);
        self.step(rules, Fact::LeaseExpired { jitter: 0.0 }, None);
        self.audit.told |= attempt;
        Some(())
    }

    /// Loads, calls the machine, and saves, as a store does. `said` is what a worker was told, if the
    /// fact is that.
    fn step(&mut self, rules: &Rules, fact: Fact<'_>, said: Option<End>) -> machine::Answer {
        let before = self.row.clone();
        let step = machine::step(&before.decode(), fact, instant(self.late));
        self.row = rules.saved(&before, Row::encode(&step.row), said);
        let changed = small(step.row.key_generation) != before.key_generation;
        self.audit.key_changed |= self.audit.told && changed;
        step.answer
    }
}

/// The end as the machine takes it.
fn attempt_end(end: End) -> AttemptEnd {
    let reason = String::new;
    let failure = || AttemptEnd::Outcome(Outcome::Fail(Failure::new("A", "a")));
    match end {
        End::Ok => AttemptEnd::Outcome(Outcome::Ok { output: Payload::default() }),
        End::Retry => AttemptEnd::Outcome(Outcome::Retry { reason: reason(), after: None }),
        End::Declined | End::Refused => failure(),
        End::InDoubt => AttemptEnd::InDoubt { reason: reason() },
        End::StillRunning => AttemptEnd::StillRunning { reason: reason(), after: None },
        End::AlreadyDone => AttemptEnd::AlreadyDone { reason: reason() },
        End::Submitted => AttemptEnd::Submitted { reason: reason(), after: None },
        End::NotHappened => AttemptEnd::NotHappened,
    }
}
