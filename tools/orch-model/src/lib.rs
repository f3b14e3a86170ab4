//! The protocol of orch as a state space.
//!
//! Two workers, two operations, a Reaper, a Finalizer, a person and a provider, with a budget of
//! crashes, pauses, lost replies, jumps of the clock and failing hooks: every interleaving of
//! them is visited, and in every state the invariants I1 to I9 must hold.
//!
//! The rules are production's own, called here as every backend calls them: what follows an end
//! ([`after_attempt`](orch_core::policies::after_attempt),
//! [`over_budget`](orch_core::policies::over_budget)), what it counts
//! ([`Tally`](orch_core::policies::Tally)), what a claim is for
//! ([`Purpose`](orch_core::store::Purpose)), which state may follow which, and the fence. The
//! guards around them, which each backend writes in its own language, are written here once
//! more. [`Mistake`] has a list of ways to get one wrong, and each of them must be found.
//!
//! | file | holds |
//! |---|---|
//! | `rules` | what is explored |
//! | `world` | a state |
//! | `steps` | who may do what in it |
//! | `store`, `upkeep`, `provider` | what that does |
//! | `invariants`, `heal` | what must hold |
//! | `mistake` | what can be wrong |
//! | `check` | the search |

mod check;
mod heal;
mod invariants;
mod mistake;
mod provider;
mod rules;
mod steps;
mod store;
mod upkeep;
mod world;

pub use check::{Checked, explore, hunt};
pub use invariants::{I1, I2, I3, I4, I5, I6, I7, I8, I9, INVARIANTS, WITNESSES};
pub use mistake::Mistake;
pub use provider::Reply;
pub use rules::{
    DELAY, Declared, Faults, LEASE, MAX_ATTEMPTS, MAX_RECONCILES, Rules, TIME_BUDGET,
    every_declaration,
};
pub use steps::Step;
pub use store::Answer;
pub use upkeep::Decision;
pub use world::{
    Audit, Book, CLIENTS, Claim, End, Ended, Entry, Final, Row, Verdict, Work, Worker, World,
    Write, identity,
};
