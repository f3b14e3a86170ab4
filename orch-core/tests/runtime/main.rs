//! The runtime over the memory store: what a program sees, with handlers registered by hand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod accepting;
mod divergence;
mod doubt;
mod faults;
mod hooks;
mod keys;
mod leases;
mod metrics;
mod operator;
mod reconciles;
mod replies;
mod running;
mod shutdown;
mod starting;
mod world;
