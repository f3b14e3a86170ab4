//! The runtime: what a program holds.
//!
//! [`Runtime::connect`] opens the store that a URL names and collects the handlers that are
//! linked into the binary; [`RuntimeBuilder::start`] checks that everything fits together and
//! starts the queue and the upkeep. [`Orchestrator`] is the caller's side: accept, wait, query,
//! resolve. A process may have either side alone.

mod config; // the settings

mod builder; // from a URL to a runtime

mod check; // what this program could not carry on

mod running; // a worker until its shutdown

mod kinds; // what the linked handlers say of their kinds

mod orchestrator; // what the caller holds

mod accept; // a command about to be accepted

mod wait; // until its end

mod operator; // parked, divergent, history

mod recorded; // what providers tell later

mod incarnation; // the database's incarnation

mod error; // what each of them can say

pub use accept::{Accept, Accepted};
pub use builder::RuntimeBuilder;
pub use check::{Checked, CheckedKind, Lack, Unhandled};
pub use config::{Config, DEFAULT_CONCURRENCY, DEFAULT_LEASE, DEFAULT_POLL_EVERY};
pub use error::{ConfirmError, QueryError, RedriveError, ResolveError, StartError};
pub use operator::{Divergent, Parked};
pub use orchestrator::Orchestrator;
pub use recorded::{MessageAbout, RecordError, Recorded};
pub use running::{Drained, Runtime};
