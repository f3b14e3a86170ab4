//! The core of orch: what an operation is, how it flows, and who keeps it moving.
//!
//! ```text
//!            flow/accept   flow/queue        flow/execute   flow/log      flow/finalize
//! command ──► accept ─────► claim ──────────► handler ─────► outcome ────► status
//!             PENDING       IN_PROGRESS                      in the WAL    COMPLETED / FAILED
//!                                 │  ▲
//!                                 │  └── upkeep/finalizer: logged but not finalized
//!                                 └───── upkeep/reaper: lease expired, or time budget spent
//! ```
//!
//! The modules, in the order in which they build on one another; each uses only those above it.
//! A test holds that.

pub mod words; // the nouns: a type each, valid by construction

pub mod policies; // the rules, as pure functions: how long to wait, whether to call in doubt

pub mod machine; // what a fact means for an operation's row

pub mod provider; // what an external API promises about idempotency keys

pub mod store; // what orch asks of a database, a verb per method

pub mod handler; // how a user's function becomes something that can be run

pub mod metrics; // what is counted, and under which names

pub mod memory; // the store without a database

pub mod flow; // accept, queue, execute, log, finalize

pub mod upkeep; // what moves operations on when their worker does not

pub mod runtime; // what a program holds: Runtime, Orchestrator, Config
