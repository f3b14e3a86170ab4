//! The flow: one operation from the caller's command to its terminal status.
//!
//! ```text
//!  accept.rs      S1  check, gather, store the operation and its place in the queue
//!     │
//!  queue.rs       S2  wait for a free slot, claim (lease, fence), hand on
//!     │   └─ lease.rs    keep the lease alive, on a thread of its own
//!  execute/           run the handler: timeout, panic, lost lease → how the attempt ended
//!     │
//!  log.rs         S3  put the end into the write-ahead log
//!     │
//!  finalize.rs        move the status, run the user's hook; both or neither
//! ```
//!
//! Data runs downwards. No connection is held while a handler runs, and nothing is prefetched:
//! what is claimed is started at once. Every step that writes goes through a
//! [`Batcher`]: while one batch is in flight the next one gathers.

mod accept;
mod batch;
mod common;
mod divergence;
mod execute;
mod finalize;
mod handlers;
mod history;
mod lease;
mod log;
mod queue;
mod watch;

pub use accept::{AcceptError, Acceptor, Disposition, disposition};
pub use batch::{Batcher, Patience, Verb};
pub use common::Common;
pub use divergence::Divergences;
pub use finalize::FinalizeStep;
pub use handlers::{Handler, Handlers};
pub use history::{HistoryEntry, history};
pub use lease::{HeldLease, LeaseKeeper};
pub use log::Recorder;
pub use queue::{Queue, QueueConfig};
pub use watch::{Waiter, Watch};
