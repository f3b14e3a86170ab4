//! The store that keeps everything in this process's memory: for tests and for trying things out.
//!
//! It does all that a database does but survive the process. Each verb locks the tables once,
//! reads the clock once and works on both in one of the files below, which follow the flow:
//!
//! | step | file |
//! |---|---|
//! | S1 accept | `accept` |
//! | S2 claim | `claim` |
//! | S2 renew, release | `lease` |
//! | S3 log, finalize, settle | `settle` |
//! | recovery | `sweep` |
//! | operators: resolve, redrive | `operator` |
//! | queries | `read` |
//! | upkeep | `purge` |

mod accept;
mod claim;
mod lease;
mod operator;
mod purge;
mod read;
mod settle;
mod store;
mod sweep;
mod tables;

pub use store::{MemoryConnection, MemoryStore};
