//! orch-lab: what the chaos run (`tools/orch-chaos`) and the payment example (`examples/payment`)
//! share. Both let worker processes call a provider, kill and pause the workers, and compare
//! afterwards what the provider did with what the store says.
//!
//! ```text
//!  clients ──accept──► store ◄──── fleet of workers ──calls──► provider
//!     │                  │        (SIGKILL, SIGSTOP)               │
//!     └─ what was told ──┴──────────────► check ◄─────────────── ledger (fsynced)
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`plan`] | what a seed decides |
//! | [`provider`], [`ledger`], [`http`] | somebody else's API, its evidence, and HTTP in front of it |
//! | [`process`], [`fleet`] | the processes of a run: started, killed, paused, asked to end |
//! | [`store`] | the store, read by plain SQL |
//! | [`check`] | ledger, store and what clients were told, against the rules |
//! | [`shop`] | a whole run for one command: flags, clients, aimed faults, progress, report |

pub mod check;
pub mod fleet;
pub mod http;
pub mod ledger;
pub mod plan;
pub mod process;
pub mod provider;
pub mod shop;
pub mod store;

/// Any error ends a run with a message.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
