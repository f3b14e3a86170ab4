#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
//! The core of orch: what an operation is, how it flows, and who keeps it moving.
//!
//! ```text
//!            flow/accept   flow/queue        flow/execute   flow/log      flow/finalize
//! command ──► accept ─────► claim ──────────► handler ─────► outcome ────► state
//!             PENDING       IN_PROGRESS                      in the WAL    COMPLETED / FAILED
//!                                 │  ▲
//!                                 │  └── upkeep/finalizer: logged but not finalized
//!                                 └───── upkeep/reaper: lease expired, or time budget spent
//! ```
//!
//! The modules, in the order in which they build on one another; each uses only those above it.
//! A test holds that.

pub mod words;

pub mod policies;

pub mod seams;

pub mod memory;

pub mod flow;

pub mod upkeep;

pub mod runtime;
