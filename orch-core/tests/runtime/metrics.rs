//! What is counted, as a recorder of the application sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use orch_core::flow::{Equipment, Handlers, Watch};
use orch_core::handler::Registration;
use orch_core::memory::{MemoryConnection, MemoryStore};
use orch_core::metrics::{ALL, MetricKind};
use orch_core::policies::Ending;
use orch_core::policies::InDoubt;
use orch_core::runtime::Runtime;
use orch_core::store::{
    ClaimParams, Claimed, ConnectionType, HookError, HookFn, Purged, Resolution, Store, StoreError,
    Unpurged,
};
use orch_core::upkeep::{Pruner, Upkeep};
use orch_core::words::{Kind, OpId, Phase};
use orch_testkit::{Layered, StoreLayer};

use crate::world::{
    Answer, Provider, accept, config, finished, handler, handler_with, runtime, until,
};

/// Every series that the recorder knows, as `name{label=value,…}`, the labels sorted.
fn series(recorder: &DebuggingRecorder) -> Vec<(String, String, DebugValue)> {
    let all = recorder.snapshotter().snapshot().into_vec().into_iter();
    all.map(|(key, _, _, value)| {
        let key = key.key();
        let mut labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        labels.sort();
        (key.name().to_owned(), labels.join(","), value)
    })
    .collect()
}

/// The counters, summed over their labels.
pub fn counted(recorder: &DebuggingRecorder) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (name, _, value) in series(recorder) {
        if let DebugValue::Counter(count) = value {
            *sums.entry(name).or_insert(0) += count;
        }
    }
    sums
}

/// The series that are not zero, and how much they count; a histogram counts its values.
fn told(recorder: &DebuggingRecorder) -> BTreeMap<String, usize> {
    let told = series(recorder).into_iter().filter_map(|(name, labels, value)| {
        let count = match value {
            DebugValue::Counter(count) => usize::try_from(count).unwrap(),
            DebugValue::Histogram(values) => values.len(),
            DebugValue::Gauge(_) => panic!("{name} is a gauge"),
        };
        (count > 0).then(|| (format!("{name}{{{labels}}}"), count))
    });
    told.collect()
}

fn expected<const N: usize>(series: [(&str, &str, usize); N]) -> BTreeMap<String, usize> {
    let all = series.into_iter().map(|(name, more, count)| {
        let mut labels = vec!["domain=PAYMENT", "event=CHARGE"];
        labels.extend(more.split(',').filter(|label| !label.is_empty()));
        labels.sort_unstable();
        (format!("orch_{name}{{{}}}", labels.join(",")), count)
    });
    all.collect()
}

#[tokio::test]
async fn a_retried_operation_is_counted_at_every_step() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let retry = Answer::Error("busy", Ending::Retry { after: None });
    let provider = Arc::new(Provider::default()).answers([retry]);
    let runtime = runtime(&provider, handler()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    accept(runtime.orchestrator(), 1).await;
    finished(runtime.orchestrator(), &accepted).await;
    let _ = runtime.shutdown().await;
    let steps = expected([
        ("accepted_total", "disposition=created", 1),
        ("accepted_total", "disposition=replayed", 1),
        ("claimed_total", "purpose=attempt", 2),
        ("start_delay_seconds", "", 1),
        ("attempts_total", "source=handler,outcome=retry", 1),
        ("attempts_total", "source=handler,outcome=ok", 1),
        ("attempt_duration_seconds", "source=handler", 2),
        ("finished_total", "status=COMPLETED", 1),
    ]);
    assert_eq!(told(&recorder), steps);
}

#[tokio::test]
async fn an_operation_that_is_still_running_has_started_once() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let running = Answer::Error("at work", Ending::StillRunning { after: None });
    let provider = Arc::new(Provider::default()).answers([running.clone(), running]);
    let runtime = runtime(&provider, handler()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    finished(runtime.orchestrator(), &accepted).await;
    let _ = runtime.shutdown().await;
    let steps = expected([
        ("accepted_total", "disposition=created", 1),
        ("claimed_total", "purpose=attempt", 3),
        ("start_delay_seconds", "", 1),
        ("attempts_total", "source=handler,outcome=still_running", 2),
        ("attempts_total", "source=handler,outcome=ok", 1),
        ("attempt_duration_seconds", "source=handler", 3),
        ("finished_total", "status=COMPLETED", 1),
    ]);
    assert_eq!(told(&recorder), steps);
}

#[tokio::test]
async fn a_parked_operation_and_the_persons_decision_are_counted() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let provider =
        Arc::new(Provider::default()).answers([Answer::Error("no answer", Ending::InDoubt)]);
    let parking = handler_with(|handler| handler.in_doubt = InDoubt::Park);
    let runtime = runtime(&provider, parking).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    until(runtime.orchestrator(), &accepted, |op| op.phase == Some(Phase::Parked)).await;
    let refused = Resolution::fail("NOT_CHARGED", "not on the statement");
    runtime.orchestrator().resolve(accepted.op_id, refused, "kim", "looked").await.unwrap();
    let _ = runtime.shutdown().await;
    let counted = counted(&recorder);
    let of = |name: &str| counted.get(name).copied();
    assert_eq!((of("orch_parked_total"), of("orch_finished_total")), (Some(1), Some(1)));
    assert_eq!(of("orch_divergences_total"), Some(0));
}

#[tokio::test]
async fn a_failing_hook_is_counted() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let hook = HookFn {
        connection: ConnectionType::of::<MemoryConnection>,
        run: |_, _, _| {
            Box::pin(async {
                match RUNS.fetch_add(1, Ordering::SeqCst) {
                    0 => Err(HookError::new("the table is locked")),
                    _ => Ok(()),
                }
            })
        },
    };
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let hooked = Registration { finalize: Some(hook), ..handler() };
    let runtime = runtime(&Arc::default(), hooked).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    finished(runtime.orchestrator(), &accepted).await;
    let _ = runtime.shutdown().await;
    let counted = counted(&recorder);
    assert_eq!(counted.get("orch_hook_failures_total"), Some(&1), "{counted:?}");
    assert_eq!(counted.get("orch_finished_total"), Some(&1), "{counted:?}");
}

/// A database that refuses one operation, which is at the head of every page, once in a claim and once in a
/// purge.
#[derive(Default)]
struct Refuses {
    claims: AtomicU32,
    purges: AtomicU32,
}

fn refused() -> (OpId, Kind, String) {
    (OpId::generate(), Kind::new("PAYMENT", "CHARGE").unwrap(), "not this one".to_owned())
}

#[async_trait]
impl StoreLayer for Refuses {
    async fn claim(
        &self,
        next: &dyn Store,
        params: ClaimParams,
    ) -> Result<Vec<Claimed>, StoreError> {
        if self.claims.fetch_add(1, Ordering::SeqCst) > 0 {
            return next.claim(params).await;
        }
        let limit = params.limit - 1;
        let (op_id, kind, reason) = refused();
        let mut claimed = vec![Claimed::Refused { op_id, kind, reason }];
        claimed.extend(next.claim(ClaimParams { limit, ..params }).await?);
        Ok(claimed)
    }

    async fn purge(&self, next: &dyn Store, limit: usize) -> Result<Purged, StoreError> {
        let mut purged = next.purge(limit).await?;
        if self.purges.fetch_add(1, Ordering::SeqCst) == 0 {
            let (op_id, kind, reason) = refused();
            purged.refused.push(Unpurged { op_id, kind, reason });
        }
        Ok(purged)
    }
}

#[tokio::test]
async fn what_the_database_refuses_to_lease_or_to_remove_is_counted() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let store = Arc::new(Layered::over(Arc::new(MemoryStore::new()), Refuses::default()));
    let worker = Runtime::on_shared(store.clone()).config(config()).register(handler());
    let runtime = worker.state(Arc::<Provider>::default()).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    finished(runtime.orchestrator(), &accepted).await;
    let _ = runtime.shutdown().await;
    let (handlers, watch) = (Handlers::default(), Watch::default());
    Pruner::new(Equipment { store, handlers, watch }).run_once().await.unwrap();
    let counted = counted(&recorder);
    assert_eq!(counted.get("orch_refused_total"), Some(&2), "{counted:?}");
    assert_eq!(counted.get("orch_finished_total"), Some(&1), "{counted:?}");
}

#[tokio::test]
async fn series_are_those_of_the_table_and_hold_no_key() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let runtime = runtime(&Arc::default(), handler()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    finished(runtime.orchestrator(), &accepted).await;
    let _ = runtime.shutdown().await;
    for (name, labels, value) in series(&recorder) {
        let metric = ALL.into_iter().find(|metric| metric.name == name).expect("it is listed");
        let histogram = matches!(value, DebugValue::Histogram(_));
        assert_eq!(histogram, metric.kind == MetricKind::Histogram, "{name}");
        for label in labels.split(',') {
            let (label, value) = label.split_once('=').unwrap();
            let listed = metric.labels.iter().find(|(listed, _)| *listed == label);
            match (label, listed) {
                ("domain", None) => assert_eq!(value, "PAYMENT"),
                ("event", None) => assert_eq!(value, "CHARGE"),
                (_, Some((_, values))) => assert!(values.contains(&value), "{name}: {value}"),
                _ => panic!("{name} has the label {label}, which the table does not list"),
            }
        }
    }
}
