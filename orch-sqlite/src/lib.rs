//! The embedded store of orch: one SQLite file, durable, many processes on one host.
//!
//! ```text
//!   accept, claim, log, finalize, settle, …        renew            get, find, list, …
//!            │ each call a piece                     │                    │
//!            ▼                                       ▼                    ▼
//!   writer: what has gathered, one            its own connection,   read-only connections,
//!   BEGIN IMMEDIATE … COMMIT, then            takes turns with      never wait for the
//!   the answers (one thread, one connection)  the writer            writer
//!            └──────────────► one file, WAL journal, synchronous = FULL ◄──┘
//! ```
//!
//! SQLite has one writer at a time whatever one does, and a durable commit costs an fsync. So
//! all writes of a process go through one thread, which commits whatever has gathered while the
//! last commit ran. A single caller's write is committed at once. Between processes SQLite's own
//! lock decides.
//! Why this shape, with figures: `docs/adr/0002-sqlite-one-writer.md`.
//!
//! What a verb does to a row is decided by [`orch_core::machine::step`]; this crate loads the row,
//! calls it and saves what it says, under its guard.
//!
//! # Failure
//! A commit that fails, or a connection in an unknown state, is rolled back and replaced, and
//! every caller of the group gets `Transient`: it is safe to repeat each verb. A group that the
//! database refuses for good, also if only at the commit, is run again piece by piece, then item by item, or
//! in halves of what a limit allows, so that one bad item fails alone.

mod store; // the verbs, as calls

mod hook; // finalize hooks inside the writer's transaction
mod piece; // a call that waits for the writer
mod writer; // the one writer: groups, commits, answers

mod accept; // S1
mod claim; // S2
mod form; // in which the identities of kinds are made
mod lease; // renew, release
mod settle; // S3: log, finalize, settle

mod answer; // refer, record, answer
mod incarnation; // the database's incarnation
mod operator; // resolve, redrive
mod purge; // retention
mod read; // get, find, history, dead_letter, list, unfinalized, unknown_kinds
mod sweep; // lost leases, time budgets
mod wake; // wait_for_work

mod page; // verbs that take as many as a limit allows

mod batch; // the rows that a batch is about: loaded, changed by the machine, saved
mod row; // rows as orch-core reads them, and how what it says is spelled

mod connect; // options, pragmas, errors
mod migrate; // the schema, once
mod same_file; // whether the open file is the one that the path names
mod sql; // statements: their values, and those over many rows

#[cfg(test)]
mod plans;

pub use hook::HOOK_LIMIT;
pub use store::SqliteStore;
