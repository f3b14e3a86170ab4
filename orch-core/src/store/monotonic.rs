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
//!
//! **It is real time, also where a test has paused the clock of its tokio runtime** (`start_paused`,
//! `tokio::time::pause`). What is waited for here is real: a provider, a database, a lease. A paused clock
//! jumps to the next timer whenever its runtime is idle, as it is while a socket is waited for, so by that
//! clock each answer would come too late. The timers therefore belong to a separate small runtime on a
//! separate thread, which no one can pause; a test's own timers stay with the test. (Not `spawn_blocking` where
//! the clock is found paused: while it runs, tokio's clock does not jump, so a test's own timers would never
//! end. Nor a crate of timers: this is tokio's own.) A process that forks does so before it uses orch: the
//! child has no such thread.
#![expect(clippy::disallowed_methods, reason = "this is the place that the others are pointed to")]

use std::future::{IntoFuture, pending, poll_fn};
use std::pin::pin;
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};
use std::{io, thread};

use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio::time::{Sleep, Timeout};

/// This moment, for spans that begin or end here.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits for so long.
pub fn sleep(span: Duration) -> Sleep {
    let _real = real_time();
    tokio::time::sleep(span)
}

/// Waits for a future for at most so long; then it is dropped, and the error says so.
pub fn timeout<F: IntoFuture>(limit: Duration, future: F) -> Timeout<F::IntoFuture> {
    let _real = real_time();
    tokio::time::timeout(limit, future)
}

/// Runs a future of another library, whose own timers go by real time then as well. What it opens or
/// spawns belongs to the thread of the timers: a connection or two, nothing that is busy.
pub async fn by_real_time<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _real = real_time();
        future.as_mut().poll(context)
    })
    .await
}

/// Until it is dropped, a timer that is made here goes by real time. `None` where the operating system
/// refuses another thread: then it goes by the time of the caller's runtime, which is the same unless a
/// test has paused it.
fn real_time() -> Option<EnterGuard<'static>> {
    static TIMERS: OnceLock<Option<Handle>> = OnceLock::new();
    TIMERS.get_or_init(|| start_timers().ok()).as_ref().map(Handle::enter)
}

/// Starts the thread that drives the timers, for as long as the process lives.
///
/// The runtime is made on that thread: where there is none, none has to be dropped on the caller's, whose
/// own runtime would not have it.
fn start_timers() -> io::Result<Handle> {
    let (started, handle) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("orch-time".into());
    thread.spawn(move || match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let _ = started.send(Ok(runtime.handle().clone()));
            runtime.block_on(pending::<()>());
        }
        Err(error) => {
            let _ = started.send(Err(error));
        }
    })?;
    handle.recv().map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_shortens_no_wait_and_is_left_where_it_is() {
        let (began, theirs) = (now(), tokio::time::Instant::now());
        sleep(Duration::from_millis(40)).await;
        let limited = timeout(Duration::from_millis(40), pending::<()>()).await;
        assert!(limited.is_err());
        by_real_time(async { tokio::time::sleep(Duration::from_millis(40)).await }).await;
        assert!(began.elapsed() >= Duration::from_millis(120), "{:?}", began.elapsed());
        assert_eq!(theirs.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_outside_comes_in_time() {
        let (answer, answered) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(40));
            answer.send(7)
        });
        let limited = timeout(Duration::from_secs(20), answered).await;
        assert_eq!(limited, Ok(Ok(7)));
    }

    #[test]
    fn a_span_without_an_end_is_waited_for_without_a_panic() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let longest = runtime.block_on(timeout(Duration::MAX, async { 7 }));
        assert_eq!(longest, Ok(7));
    }
}
