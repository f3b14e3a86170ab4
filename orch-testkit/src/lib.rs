#![allow(clippy::unwrap_used, reason = "all of this crate is test code: a panic is a red test")]
//! Tests of your own handlers, and of stores.
//!
//! **For handlers of yours:**
//!
//! - [`crash_matrix`] runs your own handler against a fake of its provider, kills the process at
//!   every boundary in turn, and proves that nothing is done twice, lost, or left open.
//! - [`ScriptedProvider`] is somebody else's API, in memory: it charges, declines, is away, or
//!   charges and never answers.
//! - [`FaultStore`] is a store that fails when a test says so; [`StoreLayer`] is what such a store
//!   is made with.
//!
//! **For a store of yours**, with the feature `store-suite`:
//!
//! - `conformance!` runs the suite that every store passes. A store implements `Backend` for its
//!   tests and calls the macro in one line; each case becomes a test of its own.
//! - `agrees_with_machine!` holds each verb of it to the one place that decides, over generated
//!   rows: see the module `agreement`.
//! - `fixture` is what those cases are written with.

// For tests of handlers.
mod crash_matrix;
mod fault;
mod layer;
mod provider;

#[cfg(feature = "sqlite")]
pub use crash_matrix::SqliteFile;
pub use crash_matrix::{
    Boundary, Cell, CellFault, CrashMatrix, Database, Matrix, OrchestratedFn, ProviderBooks,
    Report, crash_matrix,
};
pub use fault::{Fault, FaultStore, Faults};
pub use layer::{Layered, StoreLayer, Verb};
pub use provider::{ProviderCall, Reply, ScriptedProvider, Step};

// For tests of a store, with the macros `conformance!` and `agrees_with_machine!`.
#[cfg(feature = "store-suite")]
pub mod agreement;
#[cfg(feature = "store-suite")]
mod backend;
#[cfg(feature = "store-suite")]
mod conformance;
#[cfg(feature = "store-suite")]
pub mod fixture;
#[cfg(feature = "store-suite")]
#[doc(hidden)]
pub mod released;
#[cfg(feature = "store-suite")]
#[doc(hidden)]
pub mod suite;

#[cfg(feature = "store-suite")]
pub use backend::{Backend, marks};
