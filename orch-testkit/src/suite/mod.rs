//! The cases, by topic. Each is a sentence about the documentation of `Store`; none knows how
//! a store keeps it.

use std::sync::Arc;

use crate::Backend;
use crate::fixture::World;

pub mod accept;
pub mod answers;
pub mod attempts;
pub mod batch;
pub mod budget;
pub mod claim;
pub mod divergence;
pub mod doubt;
pub mod fence;
pub mod finalize;
pub mod forms;
pub mod history;
pub mod hooks;
pub mod incarnation;
pub mod kept_answers;
pub mod keys;
pub mod late;
pub mod lease;
pub mod list;
pub mod parked;
pub mod payloads;
pub mod processes;
pub mod purge;
pub mod reconcile;
pub mod recorded;
pub mod redrive;
pub mod refused;
pub mod retention;
pub mod seeds;
pub mod stale;
pub mod submitted;
pub mod submitted_told;
pub mod time;
pub mod undecodable;
pub mod unfinished;
pub mod unique;
pub mod versions;
pub mod waiting;

/// Runs one case in a separate world, on two threads so that concurrent cases overlap.
pub fn run<Case>(backend: impl Backend, case: impl FnOnce(World) -> Case)
where
    Case: Future<Output = ()>,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { case(World::open(Arc::new(backend)).await).await });
}

/// A test of each case of a topic, in a module of its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __cases {
    ($backend:expr; $($topic:ident { $($case:ident)* })*) => {$(
        mod $topic {
            #[allow(unused_imports, reason = "the expression may name things of the caller's")]
            use super::*;
            $(
                #[test]
                fn $case() {
                    $crate::suite::run($backend, $crate::suite::$topic::$case);
                }
            )*
        }
    )*};
}
