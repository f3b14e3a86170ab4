#![forbid(unsafe_code)]
//! orch: annotate one async function; the call to somebody else's API becomes safe.

pub use orch_core::{policies, seams, words};

#[cfg(feature = "sqlite")]
pub use orch_sqlite as sqlite;

/// What the macros emit. Not public: nothing here is covered by semantic versioning.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use orch_core::seams::*;
    pub use orch_core::words::{self, Settled, Settlement};
}
