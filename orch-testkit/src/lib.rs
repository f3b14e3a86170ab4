#![allow(clippy::unwrap_used, reason = "all of this crate is test code: a panic is a red test")]
//! Tests of your own handlers, and of stores.
//!
//! **For your own handlers:**
//!
//! - [`crash_matrix`] runs your own handler against a fake of its provider, kills the process at
//!   every boundary in turn, and proves that nothing is done twice, lost, or left open.
//! - [`ScriptedProvider`] is a fake of an external API, in memory: it charges, declines, is down, or
//!   charges and never answers. [`ScriptedProvider::of`] does with keys what a contract says.
//! - `SocketProvider`, with the feature `http`, is one on a real socket. It counts what arrives, so
//!   that a client which sends a request again by itself is seen.
//! - [`contract_probe`] holds the contract of a provider against its sandbox.
//! - [`FaultStore`] is a store that fails when a test says so; [`StoreLayer`] is for writing such a
//!   store.
//!
//! **For your own store**, with the feature `store-suite`:
//!
//! - `conformance!` runs the suite that every store passes. A store implements `Backend` for its
//!   tests and calls the macro in one line; each case becomes a separate test.
//! - `agrees_with_machine!` compares each verb that changes a row with `machine::step`, over
//!   generated rows: see the module `agreement`.
//! - `fixture` has what those cases are written with.

// For tests of handlers.
mod crash_matrix;
mod fault;
mod layer;
mod probe;
mod provider;
#[cfg(feature = "http")]
mod socket;

#[cfg(feature = "sqlite")]
pub use crash_matrix::SqliteFile;
pub use crash_matrix::{
    Boundary, Cell, CellFault, CrashMatrix, Database, Matrix, OrchestratedFn, ProviderBooks,
    Report, Telling, crash_matrix,
};
pub use fault::{Fault, FaultStore, Faults};
pub use layer::{Layered, StoreLayer, Verb};
pub use probe::{Finding, Probe, ProbeBody, ProbeReport, Promise, Verdict, contract_probe};
pub use provider::{Answered, ProviderCall, Reply, ScriptedProvider, Step};
#[cfg(feature = "http")]
pub use socket::{Arrival, KEY_HEADER, SocketAnswer, SocketProvider, SocketStep};

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
