//! The cluster store of orch: one Postgres, any number of worker processes on any number of
//! hosts.
//!
//! ```text
//!   accept ──► orch_operation   what was asked for; written once
//!          └─► orch_queue       where it is: small rows, only of unfinished operations
//!   claim ───► orch_queue       fence + 1, lease; FOR UPDATE SKIP LOCKED shares the work
//!   settle ──► orch_queue       the entry goes; who removes it writes the outcome
//!          ├─► orch_write_ahead_log    one row per ended attempt, the last with the outcome
//!          └─► orch_dead_letter        of those that failed
//! ```
//!
//! The verbs that run for each operation are one statement each: no BEGIN, nothing to cancel
//! half-way, and one round trip. The others, and what such a statement leaves unanswered, load the
//! rows, call [`step`](orch_core::machine::step) and save what it says with a second statement,
//! unless a row has changed meanwhile. `orch_testkit::agrees_with_machine!` holds both ways to
//! `step`. All instants are the server's. No leader, no registry, no state outside of the
//! database; LISTEN and NOTIFY only wake. Why the rows lie as they do, with figures and with
//! what was tried besides: `docs/adr/0004-postgres-layout.md`.
//!
//! # Failure
//! After any error a connection is dropped and the caller gets `Transient` where the same call
//! may succeed: each verb may be repeated. A batch that the server cancels for its time is run
//! in halves. Rows are locked in the order of `op_id`, so verbs never wait for each other in a
//! ring.

mod store; // the verbs, as calls

mod checks; // is the server fit to keep anything
mod connect; // the URL, the planner's settings
mod db; // what every verb needs
mod errors; // which ones pass
mod migrate; // the schema, once
mod pool; // the engine's own connections

mod accept; // S1
mod claim; // S2
mod finalize; // S3, second half
mod hook; // with the user's hook in the transaction
mod lease; // renew, release
mod operator; // resolve, redrive
mod purge; // retention
mod read; // get, find, history, dead_letter, list, unfinalized, unknown_kinds
mod settle; // S3: log, settle, late answers
mod sweep; // lost leases, time budgets
mod wake; // wait_for_work

mod apply; // load, step, save
mod load; // operations as they are
mod save; // and as they are to be

mod column; // columns of a row
mod time; // instants

#[doc(hidden)]
pub use connect::PLANNER;
pub use connect::{DEFAULT_ANSWER_TIMEOUT, DEFAULT_CONNECTIONS, HOOK_LIMIT};
pub use store::PostgresStore;
