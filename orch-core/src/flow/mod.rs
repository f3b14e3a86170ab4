//! The flow: one operation from the caller's command to its terminal status.
//!
//! ```text
//!  accept.rs      S1  check, gather, store the operation and its place in the queue
//!     │
//!  queue.rs       S2  wait for a free slot, claim (lease, fence), hand on
//!     │   └─ lease.rs    keep the lease alive, on a separate thread
//!  attempt.rs         one attempt: execute ─► record ─► announce
//!     │
//!  execute/           run the handler: timeout, panic, lost lease → how the attempt ended
//!     │
//!  log.rs         S3  put the end into the write-ahead log
//!     │
//!  finalize.rs        the status follows, the user's hook runs; both or neither
//! ```
//!
//! Data runs downwards. No connection is held while a handler runs, and nothing is prefetched:
//! what is claimed is started at once. Every step that writes goes through a
//! [`Batcher`]: while one batch is in flight the next one gathers.

mod accept; // S1

mod forms; // of identities, before S1

mod queue; // S2: the loop that claims

mod lease; // leases, kept while their attempts run

mod attempt; // one attempt: execute, record, announce

mod execute; // the handler, to its end

mod log; // S3: log, finalize

mod told; // what a provider's messages have come to

pub mod divergence; // beside it: answers that contradict an outcome

mod watch; // who waits for an operation is woken

mod batch; // how every step that writes gathers its items

mod carry; // and carries them out

mod equipment; // what queue and upkeep work with

mod incarnation; // the database's incarnation

mod handlers; // what a worker can run

mod history; // the log with what each entry means for the outcome

pub use accept::{AcceptError, Acceptor, Disposition, count, disposition};
pub use batch::{Batcher, Patience, Verb};
pub use equipment::Equipment;
pub use forms::next_form;
pub use handlers::{Counts, Handler, Handlers};
pub use history::{HistoryEntry, history};
pub use incarnation::report_unconfirmed;
pub use lease::{HeldLease, LeaseKeeper};
pub use log::Recorder;
pub use queue::{Queue, QueueConfig};
pub use told::announce_told;
pub use watch::{Waiter, Watch};
