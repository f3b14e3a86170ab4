//! Answers that are neither yes nor no, as a state space of its own: still running, already done, submitted,
//! and a reconcile that refuses.
//!
//! One operation, its worker, which may lose its lease and go on, and a provider that keeps what it has
//! done under each key. It may be at work on a call for ever, act late, give it up, refuse because it was
//! done already by this operation or by another one, lose answers, and tell later by itself, in a message
//! that says what was true when it was written. What a fact means for the row is
//! production's own [`machine::step`](orch_core::machine::step), and what a handler's error means is
//! [`HandlerEnd`](orch_core::policies::HandlerEnd).
//!
//! Two things are simpler than in the model of the whole protocol. Time has two instants, before the
//! deadline and after it: every delay is over at once, and a lease may end at any moment. And there is no
//! finalize hook, and no operator: an operation that is parked has come to rest.
//!
//! What has happened before it begins is a part of the rules ([`Before`]): the database may have lost a call
//! that the provider has. That it may have lost one is noticed elsewhere, by the incarnation; here the
//! operation hears of it from the provider alone.
//!
//! | file | holds |
//! |---|---|
//! | `mod` | what is explored, and the search |
//! | `world` | a state |
//! | `row` | the row as it is kept here, and as the machine takes it |
//! | `steps` | who may do what in it |
//! | `provider` | what the provider does with a call and with a reconcile |
//! | `invariants` | what must hold |
//! | `mistake` | what can be wrong, and what is done then |

use std::collections::BTreeSet;

use orch_core::policies::InDoubt;
use stateright::{Checker, HasDiscoveries, Model};

mod invariants;
mod mistake;
mod provider;
mod row;
mod steps;
mod world;

pub use invariants::{A1, A2, A3, A4, A5, A6, A7, INVARIANTS, WITNESSES};
pub use mistake::Mistake;
pub use provider::{Answer, Reply};
pub use row::{Due, Final, Row};
pub use steps::Step;
pub use world::{Audit, End, KEYS, Key, Run, World};

/// Attempts of the operation.
pub const MAX_ATTEMPTS: u8 = 2;
/// Executions of it that use up no attempt.
pub const MAX_UNCOUNTED: u8 = 2;
/// Reconciles of it.
pub const MAX_RECONCILES: u8 = 2;

/// Pauses before the deadline after which the provider is asked about what it has accepted.
pub const PAUSES: u8 = 2;

/// What has happened before the operation is claimed for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// Another operation has used the reference.
    DoneByAnother,
    /// The provider is at work on a call of this operation that the database has lost.
    LostAtWork,
    /// It has acted on such a call.
    LostDone,
}

impl Before {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Nothing, Self::DoneByAnother, Self::LostAtWork, Self::LostDone];
}

/// What one check explores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// What the handler declares for doubt.
    pub in_doubt: InDoubt,
    /// What has happened before.
    pub before: Before,
    /// Leases that are lost and workers that die, in all.
    pub faults: u8,
    /// Messages that the provider sends by itself, in all. Where it sends one it also acts on a call that
    /// repeats one on which it has not acted.
    pub messages: u8,
    /// What is wrong.
    pub mistake: Option<Mistake>,
}

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Distinct states.
    pub states: usize,
    /// Steps taken, those into a state that was known already included.
    pub steps: usize,
    /// The invariants that do not hold, with the shortest way found to such a state.
    pub broken: Vec<(&'static str, Vec<Step>)>,
    /// What was to be possible and is not.
    pub impossible: Vec<&'static str>,
}

impl Rules {
    /// A handler that declares this, after this.
    #[must_use]
    pub const fn of(in_doubt: InDoubt, before: Before, faults: u8) -> Self {
        Self { in_doubt, before, faults, messages: 0, mistake: None }
    }

    /// The same with one message, which may come as late as it likes.
    #[must_use]
    pub const fn with_a_message(self) -> Self {
        Self { messages: 1, ..self }
    }
}

/// Every declaration after everything that may have happened before, and every declaration with a message
/// of the provider.
pub fn every_world(faults: u8) -> impl Iterator<Item = Rules> {
    let declared = InDoubt::ALL.into_iter();
    let after = move |in_doubt| Before::ALL.map(|before| Rules::of(in_doubt, before, faults));
    let told = |in_doubt| Rules::of(in_doubt, Before::Nothing, faults.min(1)).with_a_message();
    declared.clone().flat_map(after).chain(declared.map(told).collect::<Vec<_>>())
}

/// Goes through every state that there is under these rules.
#[must_use]
pub fn explore(rules: Rules) -> Checked {
    run(rules, HasDiscoveries::AnyFailures)
}

/// Looks for the invariant that a mistake breaks, and goes no further once it is found.
#[must_use]
pub fn hunt(mistake: Mistake) -> Checked {
    run(mistake.rules(), HasDiscoveries::AnyOf(BTreeSet::from([mistake.breaks()])))
}

fn run(rules: Rules, until: HasDiscoveries) -> Checked {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = rules.checker().threads(threads).finish_when(until).spawn_bfs().join();
    let found = checker.discoveries();
    let broken = |name: &'static str| Some((name, found.get(name)?.clone().into_actions()));
    Checked {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        broken: INVARIANTS.into_iter().filter_map(broken).collect(),
        impossible: WITNESSES.into_iter().filter(|name| !found.contains_key(name)).collect(),
    }
}
