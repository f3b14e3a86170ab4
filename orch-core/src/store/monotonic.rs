//! The time of this process, for spans that never leave it.
//!
//! | what | whose time |
//! |---|---|
//! | an instant that decides about an operation: due, deadline, end of a lease, retention | the store's: a [`Clock`](super::Clock), or the database server |
//! | a span that this process counts for itself: a timeout, the pause of a loop, how long it may rely on a lease that it holds, a measurement | this module's |
//!
//! The second kind goes on while the wall clock is set back or forth, and means nothing in another
//! process: it is never stored and never compared with an instant of the store. Clippy points every
//! other call to one of the two.
#![expect(clippy::disallowed_methods, reason = "this is the place that the others are pointed to")]

use std::time::{Duration, Instant};

/// This moment, for spans that begin or end here.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// This moment by the time of the runtime, which a test can pause.
#[must_use]
pub fn runtime_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Waits for so long by the time of the runtime, which a test can pause.
pub fn sleep(span: Duration) -> tokio::time::Sleep {
    tokio::time::sleep(span)
}
