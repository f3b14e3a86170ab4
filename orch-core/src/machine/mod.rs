//! The one place that changes an operation's row.
//!
//! ```text
//!             Row as it was read ─┐
//!   Fact: what has happened  ─────┼──► step ──► Step { row, entries, letter, answer }
//!   now: the store's clock   ─────┘              │     │        │       └─ what the caller is told
//!                                                │     │        └─ the dead letter to write
//!                                                │     └─ the log entries to append or update
//!                                                └─ the row as it is to be
//! ```
//!
//! [`step`] is pure: no I/O, no clock, no randomness (a [`Fact`] carries the jitter). A store loads
//! a row, calls `step`, and saves what it says under its guard: `op_id`, fence and status as they
//! were read. It decides nothing and changes nothing by itself. The model in `tools/orch-model`
//! explores this function, not a copy of it.
//!
//! Where a store has its own measured statement instead (claim, settle, renew, release on
//! Postgres), `orch_testkit::agrees_with_machine!` holds that statement to `step` over generated
//! rows and facts.
//!
//! | file | holds |
//! |---|---|
//! | `row` | what a store keeps of an operation, and the conditions that its verbs look for |
//! | `entry` | what the log keeps of an ended attempt |
//! | `fact` | what can happen to an operation |
//! | `answer` | what the caller of a verb is told |
//! | `step` | what each fact means for the row |
//! | `finalized` | the same for an end that is logged, and its finalize hook |
//! | `decided` | the same for the decisions of operators |
//! | `answered` | the same for what a provider tells later |
//! | `swept` | the same for the facts of the sweeps |
//! | `change` | the changes that facts have in common: a lease ends, a move is made |
//! | `next` | which move follows an ended attempt |
//! | `count` | what claims and ends cost, and when it is enough: the one rule about attempts |

mod row; // the noun

mod entry; // its log

mod fact; // what happens to it

mod step; // the verb

mod finalized; // the verb, second half of S3

mod decided; // the verb where an operator decides

mod answered; // the verb where the provider tells later

mod swept; // the verb where no worker ended the attempt

mod change; // what facts have in common

mod next; // which move follows

mod count; // what it costs

mod answer; // what is told

#[cfg(test)]
mod fixture;

pub use answer::{Answer, Finalized};
pub use answered::Message;
pub use entry::{Entry, EntryWrite};
pub use fact::{Ended, Fact, Purpose, ReleaseReason, Resolution};
pub use row::{Request, Row};
pub use step::{Step, step};
