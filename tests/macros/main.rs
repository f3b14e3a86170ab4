//! What the macros make of a handler: as a rule run by hand, without a store and a runtime.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod accepting;
mod arguments;
mod binding;
mod commands;
mod endings;
mod finalize;
mod follow_up;
mod options;
mod providers;
mod reconcile;
mod registration;
mod world;
