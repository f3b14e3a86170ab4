#![forbid(unsafe_code)]
//! orch: annotate one async function; the call to somebody else's API survives crashes, retries
//! and lost answers.
//!
//! The facade: it only re-exports. Grouped by the steps of the flow; [`prelude`] has what a
//! module with handlers needs.

pub mod prelude;

// The macros. `Command` and `Outcome` are types as well, in another namespace.
#[doc = include_str!("macros/command.md")]
pub use orch_macros::Command;
#[doc = include_str!("macros/outcome.md")]
pub use orch_macros::Outcome;
#[doc = include_str!("macros/orchestrated.md")]
pub use orch_macros::orchestrated;

// What a handler is made of.
pub use orch_core::seams::{
    AttemptError, Context, Ending, Handled, Reconciled, State, TypedCommand,
};
pub use orch_core::words::{Failure, Outcome, ProviderKey, Settled};

// Starting a runtime.
pub use orch_core::runtime::{Config, Drained, Runtime, RuntimeBuilder, StartError};

// Accepting.
pub use orch_core::flow::{AcceptError, Disposition};
pub use orch_core::runtime::{Accept, Accepted, Orchestrator};
pub use orch_core::words::{
    BizKey, Command, Domain, EventType, IdemKey, Identity, Invalid, Kind, OpId, Owner, Payload,
};

// Waiting, looking, deciding.
pub use orch_core::runtime::{QueryError, RedriveError, SettleError};
pub use orch_core::seams::{ListParams, Listed, Page, Settle};
pub use orch_core::words::{
    AttemptEnd, DeadLetter, LogEntry, Operation, Phase, Source, State as OperationState, Timestamp,
    code,
};

// Backends.
pub use orch_core::seams::{AcceptIn, Store, StoreError};
#[cfg(feature = "postgres")]
pub use orch_postgres as postgres;
#[cfg(feature = "sqlite")]
pub use orch_sqlite as sqlite;

// All of the core by module, for backends and tools.
pub use orch_core::{flow, memory, policies, runtime, seams, upkeep, words};

/// What the macros emit. Not public: nothing here is covered by semantic versioning.
#[doc(hidden)]
pub mod __private {
    pub use std::concat;
    pub use std::file;
    pub use std::line;
    pub use std::module_path;
    pub use std::option::Option::{self, None, Some};
    pub use std::primitive::{bool, str};
    pub use std::string::String;
    pub use std::time::Duration;

    pub use inventory;
    pub use orch_core::policies::{Backoff, InDoubt};
    pub use orch_core::seams::emitted::{
        Argument, argument, bound, domain_is, event_is, key, key_part, needs,
    };
    pub use orch_core::seams::*;
    pub use orch_core::words::{self, Settled, Settlement};

    /// The static that a handler exports under its domain and event type. It has a size, so
    /// that no two of them share an address.
    pub type Unique = u8;
}
