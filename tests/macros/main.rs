//! What the macros make of a handler, run by hand: no store, no runtime.

mod arguments;
mod binding;
mod commands;
mod endings;
mod finalize;
mod reconcile;
mod registration;
mod world;
