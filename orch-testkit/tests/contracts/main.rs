//! The scripted provider does with keys what a contract says, and the probe sees it.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod contracts;
mod probe;
mod scripted;
