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
//! | providers: refer, record, answer | `answer` |
//! | queries | `read` |
//! | upkeep | `purge` |
//! | the database's incarnation | `incarnation` |

mod store; // the verbs

mod for_tests; // what only tests do

mod accept; // S1

mod claim; // S2

mod lease;

mod settle; // S3

mod sweep; // recovery

mod operator; // resolve, redrive

mod answer; // what providers tell later

mod incarnation; // the database's incarnation

mod read;

mod purge;

mod tables; // what is kept: loaded, changed by the machine, saved

pub use store::{MemoryConnection, MemoryStore};
