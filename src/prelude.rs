//! `use orch::prelude::*;` brings what a module with handlers is written with.

pub use std::time::Duration;

pub use serde::{Deserialize, Serialize};

pub use crate::{
    Accepted, Command, Config, Context, Disposition, Envelope, Failure, FinalOutcome, Outcome,
    ProviderKey, Reconciled, Runtime, State, Waited, orchestrated,
};
