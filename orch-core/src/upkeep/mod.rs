//! Upkeep: what moves operations on when their worker does not.
//!
//! | service | picks up | after |
//! |---|---|---|
//! | [`Finalizer`] | outcomes that are logged but not finalized | a crash between log and finalize, a failed hook |
//! | [`Reaper`] | expired leases, spent time budgets; reports kinds without a worker | a crash during a call, a backlog |
//! | [`Pruner`] | terminal operations that have expired, of every kind | time |
//!
//! All have one shape: `run_once() -> Report`, once per [`tick`]. They run in every
//! worker, safely side by side: each pass derives everything again from the rows, and every move is
//! guarded, so that of two concurrent ones the second changes nothing.

mod ticker; // the loop of each service

mod finalizer; // logged but not finalized

mod reaper; // lost leases, spent time budgets

mod pruner; // expired

pub use finalizer::Finalizer;
pub use pruner::Pruner;
pub use reaper::Reaper;
pub use ticker::{Report, Upkeep, tick};
