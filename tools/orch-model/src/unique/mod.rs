//! One operation for an entity at a time, as a state space of its own.
//!
//! A few callers ask for one biz key with keys of their own, again and again, and redrive what has
//! failed. Their operations end, are purged; connections break, and replies are lost. What is modelled
//! is what `orch-postgres` does, statement by statement, since its statements for one biz key run at
//! the same time and each looks through a snapshot: `accept_unique.sql`, then `accept_present.sql` and
//! `accept_taken.sql` where nothing was stored, and `redrive.sql`. SQLite and the memory store make
//! each verb in one step; what they do is among these orders of events.
//!
//! ```text
//! accept   begin ─► take ─► commit ─► created
//!            │        └──────┐
//!            └─► present ◄───┘ ─► replayed
//!                  └─► taken ─► taken, or begin again
//!
//! redrive  look ─► asked ─► begin ─► letter ─► take ─► commit ─► created
//! ```
//!
//! The one protocol of the other model is not in it: an operation runs, and then has COMPLETED or
//! FAILED.
//!
//! | file | holds |
//! |---|---|
//! | `mod` | what is explored, and the search |
//! | `world` | a state |
//! | `steps` | who may do what in it |
//! | `accept`, `redrive` | the statements |
//! | `invariants` | what must hold |
//! | `mistake` | what can be wrong |

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

mod accept;
mod invariants;
mod mistake;
mod redrive;
mod steps;
mod world;

pub use invariants::{INVARIANTS, U1, U2, U3, U4, U5, WITNESSES};
pub use mistake::Mistake;
pub use steps::Step;
pub use world::{
    AcceptAt, Audit, Caller, Operation, RedriveAt, SLOTS, Snapshot, State, Work, World,
};

/// What one check explores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The idempotency key of each caller; two may have the same one.
    pub keys: Vec<u8>,
    /// Operations that have failed before it begins, one of each of the first callers.
    pub failed: u8,
    /// Calls in all: those, accepts, repeated ones, redrives. Fewer than [`SLOTS`].
    pub calls: u8,
    /// Callers that die, connections that break and replies that are lost, in all.
    pub faults: u8,
    /// Operations that may be purged.
    pub purges: u8,
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
    /// So many calls by callers with these keys.
    #[must_use]
    pub fn of(keys: &[u8], calls: u8, faults: u8, purges: u8) -> Self {
        assert!(usize::from(calls) < SLOTS, "one slot is kept for the question whether all heals");
        Self { keys: keys.to_vec(), failed: 0, calls, faults, purges, mistake: None }
    }

    /// The same, after so many operations have failed.
    #[must_use]
    pub fn after_failures(self, failed: u8) -> Self {
        Self { failed, ..self }
    }

    /// True if this is wrong.
    pub(crate) fn has(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
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
