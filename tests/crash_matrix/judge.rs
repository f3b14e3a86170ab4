//! Every pair of effect and `in_doubt`, killed at every boundary, on every store: the provider
//! acts no more often than the promise allows, and the page tells what happened.

use futures_util::{StreamExt, stream};
use orch::internals::policies::Effect;
use orch_testkit::{Cell, Report};

use crate::databases::Kind;
use crate::handlers::{PAIRS, Pair};
use crate::page;

/// Matrices that run at the same time: their processes wait for the store most of the time.
const AT_ONCE: usize = 4;

/// The two handlers of a pair.
pub struct Reports {
    pub plain: Report,
    pub hooked: Report,
}

async fn run_all(kind: Kind) -> Vec<Reports> {
    let run = |pair: &'static Pair| async move {
        let shared = kind.create().await;
        let plain = (pair.plain)(shared.clone()).await;
        let hooked = (pair.hooked)(shared).await;
        Reports { plain, hooked }
    };
    stream::iter(PAIRS).map(run).buffered(AT_ONCE).collect().await
}

/// The promise of the README for one cell: bounded calls, and no effect beyond the first.
fn check(effect: Effect, cell: &Cell) {
    let operation = &cell.operation;
    let bound = 1 + operation.retries as usize + operation.lost_attempts as usize;
    assert!(cell.keys.len() <= bound, "{} calls, the bound is {bound}: {cell:?}", cell.keys.len());
    assert!(operation.attempt as usize <= bound, "{} runs: {cell:?}", operation.attempt);
    let effects = if effect == Effect::Read { 0 } else { 1 };
    assert!(cell.effects <= effects, "{} effects: {cell:?}", cell.effects);
    if effect == Effect::Unsafe {
        assert!(cell.keys.len() <= 1, "an unsafe call is never repeated: {cell:?}");
    }
}

async fn judge(kind: Kind) {
    let all = run_all(kind).await;
    for report in all.iter().flat_map(|reports| [&reports.plain, &reports.hooked]) {
        report.assert_safe();
        for cell in report.cells() {
            check(report.handler().effect, cell);
        }
    }
    assert_eq!(all.len(), 15);
    page::compare("deaths", &page::deaths(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_nothing_is_done_twice() {
    judge(Kind::Memory).await;
    page::compare("boundaries", &page::boundaries());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_sqlite_nothing_is_done_twice() {
    judge(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_postgres_nothing_is_done_twice() {
    judge(Kind::Postgres).await;
}
