//! The runtime over the memory store: what a program sees, with handlers registered by hand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unreachable_pub, reason = "a test exports nothing")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod accepting;
mod answers;
mod checking;
mod divergence;
mod doubt;
mod faults;
mod hooks;
mod incarnation;
mod keys;
mod leases;
mod logs;
mod metrics;
mod operator;
mod reconciles;
mod replies;
mod retention;
mod running;
mod shutdown;
mod starting;
mod submitted;
mod versions;
mod world;
