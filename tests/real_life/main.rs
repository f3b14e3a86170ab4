//! What happens in real life: requests that are repeated after a deploy, values that JSON cannot
//! hold, versions side by side. Each test is a report that somebody made of another tool, or its
//! neighbour.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod results;
mod round_trip;
mod runtime_gone;
mod same_request;
mod unreadable_commands;
