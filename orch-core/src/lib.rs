#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]
//! orch core

pub mod memory;
pub mod policies;
pub mod seams;
pub mod words;
