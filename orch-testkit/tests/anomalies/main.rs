//! The anomaly sweep: every call that the life of an operation makes to its database is made to
//! fail in every way, on every store, and the operation comes to the right end all the same.
//!
//! The lives are those of `life.rs`: with a finalize hook and without one, with retries, a
//! reconcile, a person, a redrive, a time budget that ends. Each is lived once in peace, to see
//! which calls it makes; then once for each of these calls and each way to fail: not sent,
//! refused, carried out with the reply lost, the process killed before it or after it, and hung
//! beyond the lease and then carried out. What has to hold in the end is in `judge.rs`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unreachable_pub, reason = "a test exports nothing")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

#[path = "../common/mod.rs"]
mod common;
mod databases;
mod handler;
mod judge;
mod life;
mod process;
mod sweep;

use common::Backend;
use tokio::sync::Mutex;

/// One store after the other: side by side they would wait for each other's processor, and a life
/// that is slow counts as one that does not end.
static TURN: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_memory_every_call_may_fail() {
    let _turn = TURN.lock().await;
    sweep::every_call_of_every_life(Backend::Memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_every_call_may_fail() {
    let _turn = TURN.lock().await;
    sweep::every_call_of_every_life(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_every_call_may_fail() {
    let _turn = TURN.lock().await;
    sweep::every_call_of_every_life(Backend::Postgres).await;
}
