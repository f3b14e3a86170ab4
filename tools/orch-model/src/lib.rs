//! The protocol of orch as a state space.
//!
//! Two workers, two operations, a Reaper, a Finalizer, an operator and a provider, with a budget of
//! crashes, pauses, lost replies, jumps of the clock and failing hooks: every interleaving of
//! them is visited, and in every state the invariants I1 to I9 must hold.
//!
//! The model has no copy of the protocol. What each fact means for an operation is production's
//! own [`machine::step`](orch_core::machine::step), called as the stores call it: load the row, call
//! `step`, save what it says. So are the keys' life ([`may_call`](orch_core::policies::may_call))
//! and what a handler's end means ([`HandlerEnd`](orch_core::policies::HandlerEnd)). A state keeps
//! rows and log entries in small columns, as a database does; they are decoded before each step and
//! encoded after it.
//!
//! The model's own are the participants, the provider, the query for what is to be finalized, and
//! the audit that the invariants read. [`Mistake`] lists ways to get the store or the machine
//! wrong; each is made around `step`, and each must be found.
//!
//! | file | holds |
//! |---|---|
//! | `rules` | what is explored |
//! | `world` | a state |
//! | `steps` | who may do what in it |
//! | `store`, `upkeep`, `provider` | what that does |
//! | `columns` | how rows and log entries are kept |
//! | `invariants`, `heal` | what must hold |
//! | `mistake`, `wrong` | what can be wrong, and what is done then |
//! | `check` | the search |
//! | [`unique`] | another model: one operation for an entity at a time |
//! | [`answers`] | another model: answers of providers that are neither yes nor no |

pub mod answers;
mod check;
mod columns;
mod heal;
mod invariants;
mod mistake;
mod provider;
mod rules;
mod steps;
mod store;
pub mod unique;
mod upkeep;
mod world;
mod wrong;

pub use check::{Checked, explore, hunt};
pub use columns::{claim_id, fence};
pub use invariants::{I1, I2, I3, I4, I5, I6, I7, I8, I9, INVARIANTS, WITNESSES};
pub use mistake::Mistake;
pub use provider::Reply;
pub use rules::{
    DELAY, Declared, Faults, LEASE, MAX_ATTEMPTS, MAX_RECONCILES, Rules, TIME_BUDGET,
    every_declaration,
};
pub use steps::Step;
pub use upkeep::Decision;
pub use world::{
    Audit, Book, CLIENTS, Claim, End, Ended, Entry, Final, Policy, Row, Verdict, Work, Worker,
    World, Write, identity,
};
