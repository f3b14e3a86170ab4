//! `use orch::prelude::*;` brings everything that a handler is written with.

pub use crate::{Command, Context, Outcome, Reconciled, Settled, State, orchestrated};
pub use serde::{Deserialize, Serialize};
