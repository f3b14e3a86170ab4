#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "all of this crate is test code: a panic is a red test")]
//! What tests of orch share, and what tests of your own handlers need.
//!
//! - [`crash_matrix`] runs your own handler against a fake of its provider, kills the process at
//!   every boundary in turn, and proves that nothing is done twice, lost, or left open.
//! - [`conformance!`] runs the suite that every store passes. A backend implements [`Backend`]
//!   for its tests and calls the macro in one line; each case becomes a test of its own.
//! - [`World`] is the fixture of those cases: a store, its clock, and words with defaults.
//! - [`FaultStore`] is a store that fails when a test says so.
//! - [`ScriptedProvider`] is somebody else's API, in memory: it charges, declines, is away, or
//!   charges and never answers.

mod backend;
mod crash_matrix;
mod fault;
mod provider;
#[doc(hidden)]
pub mod suite;
mod world;

pub use backend::{Backend, marks, whose};
pub use crash_matrix::{
    Boundary, Cell, CellFault, CrashMatrix, Database, Matrix, OrchestratedFn, ProviderBooks,
    Report, crash_matrix,
};
pub use fault::{Fault, FaultStore, Verb};
pub use provider::{ProviderCall, Reply, ScriptedProvider, Step};
pub use world::{
    BUDGET, DELAY, LEASE, World, acceptance, claim_params, ended, fail, in_doubt, kind, lease,
    listed, not_happened, ok, other_kind, output, owner, policy, reconciled, retry, sweep_params,
    tenant,
};
