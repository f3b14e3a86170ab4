//! `use orch::prelude::*;` for a module with handlers.

pub use crate::{
    Accepted, Command, Config, Context, Disposition, Failure, Outcome, Reconciled, Runtime,
    Settled, State,
};
pub use std::time::Duration;
