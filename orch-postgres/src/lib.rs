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
//! The paths that run for each operation are single statements over a batch: no BEGIN, nothing to
//! cancel half-way, and one round trip. These are accept, claim, log, settle (one statement for
//! definite ends, one for the others), renew and release. What such a statement leaves unanswered,
//! such as a replayed request or a late answer, takes further statements.
//!
//! finalize, the sweeps, resolve and redrive take several statements: they load the rows, call
//! [`step`](orch_core::machine::step) and save its result with a second statement, unless a row has
//! changed meanwhile. finalize with a hook is a transaction that includes the hook's own
//! statements. `orch_testkit::agrees_with_machine!` compares both ways with `step`.
//!
//! All instants are the server's. No leader, no registry, no state outside of the database; LISTEN
//! and NOTIFY only wake. `docs/adr/0004-postgres-layout.md` has the reasons for the layout, with
//! figures and alternatives.
//!
//! # Failure
//! After any error a connection is dropped and the caller gets `Transient` where the same call
//! may succeed: it is safe to repeat each verb. A batch that the server cancels because it takes
//! too long is run in halves. Rows are locked in the order of `op_id`, so verbs do not deadlock.

mod store; // the verbs, as calls

mod checks; // is the server fit to keep anything
mod connect; // the URL, the planner's settings
mod db; // what every verb needs
mod errors; // which ones pass
mod hosts; // several servers in the URL, one that takes writes
mod migrate; // the schema, once
mod pool; // the engine's own connections
mod server; // one of those, or the caller's

mod accept; // S1
mod answer; // what providers tell later
mod claim; // S2
mod finalize; // S3, second half
mod form; // in which the identities of kinds are made
mod hook; // with the user's hook in the transaction
mod incarnation; // the database's incarnation
mod installation; // do the caller's connection and the store lead to the same tables
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
