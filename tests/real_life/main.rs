//! Repeated requests across deploys, values that JSON cannot hold, a runtime that has ended, and services
//! that share a database.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod busy_provider;
mod children;
mod confirm;
mod confirm_gateway;
mod confirm_others;
mod contract_test;
mod follow_up;
mod identity;
mod in_cents;
mod last_of_many;
mod one_payment;
mod over_http;
mod panicking_drop;
mod paused_clock;
mod polling;
mod results;
mod round_trip;
mod runtime_gone;
mod same_request;
mod service_test;
mod shared_database;
mod submitted;
mod unreadable_commands;
mod versions;
mod webhook_first;
