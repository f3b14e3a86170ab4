//! What may be called while doubt stands: as long as the key is remembered, and as the handler
//! declares now, and with the key of the call that is in doubt.

use std::sync::Arc;
use std::time::Duration;

use orch_core::handler::{Descriptor, Reconciled, Registration};
use orch_core::memory::MemoryStore;
use orch_core::policies::Ending;
use orch_core::policies::{Effect, InDoubt};
use orch_core::provider::AnyProvider;
use orch_core::provider::catalogue::Stripe;
use orch_core::runtime::{Accepted, Runtime};
use orch_core::store::{ManualClock, Resolution};
use orch_core::words::{Operation, Phase, Waited};

use crate::world::{
    Answer, Charge, Provider, accept, builder, config, finished, handler_of, handler_with,
    operation, reconciling, until,
};

/// How long the provider remembers a key; an attempt may take ten seconds of it.
const LIFETIME: Duration = Duration::from_secs(60);

fn no_answer() -> Answer {
    Answer::Error("sent, but no answer", Ending::InDoubt)
}

fn busy() -> Answer {
    Answer::Error("busy", Ending::Retry { after: None })
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A worker with a handler whose key does not live for ever, on a clock that stands still.
struct Keyed {
    clock: Arc<ManualClock>,
    store: MemoryStore,
    provider: Arc<Provider>,
    runtime: Runtime,
    accepted: Accepted<Charge>,
}

impl Keyed {
    /// The one operation after its first call, which the provider met with this answer.
    async fn called(first: Answer) -> Self {
        Self::called_by(keyed(|_| {}), [first]).await
    }

    /// The same by this handler, with the answers to its first call and those after.
    async fn called_by(handler: Registration, answers: impl IntoIterator<Item = Answer>) -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = MemoryStore::with_clock(clock.clone());
        let provider = Arc::new(Provider::default()).answers(answers);
        let runtime = start(&store, &provider, handler).await;
        let accepted = accept(runtime.orchestrator(), 1).await;
        let keyed = Self { clock, store, provider, runtime, accepted };
        keyed.until(|op| op.due_at.is_some() && op.attempt == 1).await;
        keyed
    }

    /// The same operation under the next deploy.
    async fn deployed(self, handler: Registration) -> Self {
        let _ = self.runtime.shutdown().await;
        let runtime = start(&self.store, &self.provider, handler).await;
        Self { runtime, ..self }
    }

    async fn until(&self, wanted: impl Fn(&Operation) -> bool) -> Operation {
        until(self.runtime.orchestrator(), &self.accepted, wanted).await
    }

    /// Waits until it is parked; the reason.
    async fn parked(&self) -> String {
        let parked = self.until(|op| op.phase == Some(Phase::Parked)).await;
        assert_eq!((parked.attempt, parked.lost_attempts), (1, 1), "no attempt is counted");
        parked.reason.unwrap()
    }

    async fn finished(&self) -> Waited<u64> {
        finished(self.runtime.orchestrator(), &self.accepted).await
    }
}

async fn start(store: &MemoryStore, provider: &Arc<Provider>, handler: Registration) -> Runtime {
    // With one slot an operation that is refused must make room for the next.
    let narrow = config().concurrency(1);
    builder(store.clone(), provider, handler).config(narrow).start().await.unwrap()
}

fn keyed(change: impl FnOnce(&mut Descriptor)) -> Registration {
    handler_with(|handler| {
        handler.key_lifetime = Some(LIFETIME);
        change(handler);
    })
}

#[tokio::test]
async fn a_key_that_may_be_forgotten_is_not_used_again() {
    let keyed = Keyed::called(no_answer()).await;
    keyed.clock.advance(seconds(51));
    let reason = keyed.parked().await;
    for part in ["2026-01-01T00:00:00Z", "60s", "resolve the operation"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(keyed.provider.calls(), 1);
    let history = keyed.runtime.orchestrator().history(keyed.accepted.op_id).await.unwrap();
    assert_eq!(history.len(), 1, "nothing ran, so nothing has ended");
    let next = accept(keyed.runtime.orchestrator(), 2).await;
    assert_eq!(finished(keyed.runtime.orchestrator(), &next).await, Waited::Ok(502));
}

#[tokio::test]
async fn a_key_that_is_remembered_to_the_runs_last_moment_is_used_again() {
    let keyed = Keyed::called(no_answer()).await;
    keyed.clock.advance(seconds(40));
    assert_eq!(keyed.finished().await, Waited::Ok(501));
    let keys = keyed.provider.keys.lock().unwrap().clone();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
}

#[tokio::test]
async fn a_definite_retry_is_a_first_use_of_the_key_however_late() {
    let keyed = Keyed::called(busy()).await;
    keyed.clock.advance(seconds(200));
    assert_eq!(keyed.finished().await, Waited::Ok(501));
    assert_eq!(keyed.provider.calls(), 2);
}

#[tokio::test]
async fn with_a_reconcile_it_is_asked_and_never_run() {
    let keyed = Keyed::called(no_answer()).await;
    let mut asking = reconciling();
    asking.descriptor.key_lifetime = Some(LIFETIME);
    keyed.provider.says([Reconciled::Unanswered, Reconciled::Happened(77)]);
    let keyed = keyed.deployed(asking).await;
    keyed.clock.advance(seconds(100));
    keyed
        .until(|op| op.due_at.is_some() && op.reason.as_deref() != Some("sent, but no answer"))
        .await;
    keyed.clock.advance(seconds(1));
    assert_eq!(keyed.finished().await, Waited::Ok(77));
    assert_eq!(keyed.provider.calls(), 1);
    assert_eq!(*keyed.provider.reconciles.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_deploy_that_declares_park_or_fail_calls_nothing_again() {
    for (in_doubt, word) in [(InDoubt::Park, "\"park\""), (InDoubt::Fail, "\"fail\"")] {
        let keyed = Keyed::called(no_answer()).await;
        let keyed = keyed.deployed(keyed_with(in_doubt)).await;
        keyed.clock.advance(seconds(1));
        let reason = keyed.parked().await;
        assert!(reason.contains(word), "{reason}");
        assert_eq!(keyed.provider.calls(), 1);
    }
}

fn keyed_with(in_doubt: InDoubt) -> Registration {
    keyed(|handler| handler.in_doubt = in_doubt)
}

#[tokio::test]
async fn a_deploy_that_calls_the_effect_unsafe_calls_nothing_again() {
    let unsafely = handler_with(|handler| {
        handler.effect = Effect::Unsafe;
        handler.in_doubt = InDoubt::Park;
    });
    let keyed = Keyed::called(no_answer()).await.deployed(unsafely).await;
    keyed.clock.advance(seconds(1));
    let reason = keyed.parked().await;
    assert!(reason.contains("unsafe"), "{reason}");
    assert_eq!(keyed.provider.calls(), 1);
}

#[tokio::test]
async fn a_persons_word_lets_it_run_with_an_old_key() {
    let keyed = Keyed::called(no_answer()).await;
    keyed.clock.advance(seconds(100));
    keyed.parked().await;
    let orchestrator = keyed.runtime.orchestrator();
    let (who, why) = ("kim", "not on the statement");
    orchestrator.resolve(keyed.accepted.op_id, Resolution::RunAgain, who, why).await.unwrap();
    assert_eq!(keyed.finished().await, Waited::Ok(501));
    assert_eq!(operation(orchestrator, &keyed.accepted).await.attempt, 2);
    assert_eq!(keyed.provider.calls(), 2);
}

/// The keys of three calls: one that got a definite error and one that got no answer under the
/// first contract, and the repetition of that under the second.
async fn keys_over_a_deploy(first: Registration, second: Registration) -> Vec<String> {
    let keyed = Keyed::called_by(first, [busy(), no_answer()]).await;
    keyed.clock.advance(seconds(1));
    keyed.until(|op| op.due_at.is_some() && op.attempt == 2).await;
    let keyed = keyed.deployed(second).await;
    keyed.clock.advance(seconds(1));
    assert_eq!(keyed.finished().await, Waited::Ok(501));
    let keys = keyed.provider.keys.lock().unwrap().clone();
    assert_eq!(keys.len(), 3, "{keys:?}");
    keys
}

#[tokio::test]
async fn a_deploy_that_replays_errors_repeats_a_call_in_doubt_with_its_own_key() {
    let keys = keys_over_a_deploy(handler_of::<AnyProvider>(), handler_of::<Stripe>()).await;
    assert!(keys[0] == keys[1] && keys[1] == keys[2], "{keys:?}");
}

#[tokio::test]
async fn a_deploy_that_no_longer_replays_errors_repeats_a_call_in_doubt_with_its_own_key() {
    let keys = keys_over_a_deploy(handler_of::<Stripe>(), handler_of::<AnyProvider>()).await;
    assert!(keys[0] != keys[1] && keys[1] == keys[2], "{keys:?}");
}
