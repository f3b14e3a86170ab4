#![forbid(unsafe_code)]
//! orch: annotate one async function; the call to somebody else's API becomes safe.

pub mod prelude;

pub use orch_core::{policies, seams, words};

pub use orch_core::seams::{Context, Reconciled, State};
pub use orch_core::words::{Command, Outcome, Settled};

// The macros. `Command` and `Outcome` are types as well, in another namespace.
#[doc = include_str!("macros/command.md")]
pub use orch_macros::Command;
#[doc = include_str!("macros/outcome.md")]
pub use orch_macros::Outcome;
#[doc = include_str!("macros/orchestrated.md")]
pub use orch_macros::orchestrated;

#[cfg(feature = "sqlite")]
pub use orch_sqlite as sqlite;

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
