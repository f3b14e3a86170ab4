//! Answers of providers that are neither yes nor no, as a program sees them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orch_core::handler::emitted::bound;
use orch_core::handler::{Context, FromCall, Reconciled, Registration, State};
use orch_core::memory::MemoryStore;
use orch_core::policies::{Backoff, Ending};
use orch_core::runtime::Runtime;
use orch_core::store::{Clock, ManualClock};
use orch_core::words::{AttemptEnd, Failure, Operation, Source, Timestamp, Waited, code};

use crate::world::{
    Answer, Charge, ChargeError, Provider, accept, builder, config, finished, handler,
    handler_with, operation, reconciling, runtime, until,
};

const WORK: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_secs(4);

/// A provider that is at work on a charge for 12 s, and answers the same key meanwhile that it is.
struct SlowProvider {
    clock: Arc<ManualClock>,
    begun: Mutex<HashMap<String, Timestamp>>,
    told: Mutex<u32>,
}

impl SlowProvider {
    /// A handler's call, which waits for 4 s at most.
    fn charge(&self, key: String, amount: u64) -> Result<u64, ChargeError> {
        let now = self.clock.now();
        let mut begun = self.begun.lock().unwrap();
        match begun.get(&key).map(|since| now.since(*since)) {
            None => {
                begun.insert(key, now);
                self.clock.advance(PATIENCE);
                Err(ChargeError { text: "no answer within 4 s", ending: Ending::InDoubt })
            }
            Some(worked) if worked < WORK => {
                *self.told.lock().unwrap() += 1;
                let ending = Ending::StillRunning { after: Some(PATIENCE) };
                Err(ChargeError { text: "still in progress", ending })
            }
            Some(_) => Ok(amount),
        }
    }

    fn effects(&self) -> usize {
        self.begun.lock().unwrap().len()
    }
}

async fn charge_slowly(
    command: Charge,
    ctx: Context,
    provider: State<Arc<SlowProvider>>,
) -> Result<u64, ChargeError> {
    provider.charge(ctx.provider_key().to_string(), command.amount)
}

fn slow_handler() -> Registration {
    Registration {
        attempt: |call| {
            let charged = charge_slowly(
                bound::<Charge>().command(call)?,
                Context::from_call(call)?,
                State::from_call(call)?,
            );
            bound::<Charge>().attempt(charged)
        },
        needs: || State::<Arc<SlowProvider>>::need().into_iter().collect(),
        ..handler()
    }
}

#[tokio::test]
async fn a_provider_slower_than_the_handler_completes_with_one_effect() {
    let clock = Arc::new(ManualClock::default());
    let store = MemoryStore::with_clock(clock.clone());
    let (begun, told) = (Mutex::default(), Mutex::default());
    let provider = Arc::new(SlowProvider { clock: clock.clone(), begun, told });
    let runtime = Runtime::on(store)
        .config(config())
        .state(Arc::clone(&provider))
        .register(slow_handler())
        .start()
        .await
        .unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    for executions in 1..=3 {
        let ended = |op: &Operation| op.lost_attempts + op.retries == executions;
        let waits = until(runtime.orchestrator(), &accepted, |op| op.due_at.is_some() && ended(op));
        clock.advance(waits.await.due_at.unwrap().since(clock.now()));
    }
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    assert_eq!((provider.effects(), *provider.told.lock().unwrap()), (1, 2));
    let operation = operation(runtime.orchestrator(), &accepted).await;
    let counts = (operation.attempt, operation.retries, operation.lost_attempts);
    assert_eq!(counts, (2, 2, 1), "two of four executions used up no attempt");
}

#[tokio::test]
async fn still_running_backs_off_by_its_own_count() {
    let clock = Arc::new(ManualClock::default());
    let store = MemoryStore::with_clock(clock.clone());
    let running = |after| Answer::Error("at work", Ending::StillRunning { after });
    let provider = Arc::new(Provider::default()).answers([
        running(None),
        running(None),
        running(Some(Duration::from_secs(100))),
        running(None),
    ]);
    let backoff = Backoff::from_millis(3_000, 1_000_000);
    let handler = handler_with(|handler| {
        handler.backoff = backoff;
        handler.max_uncounted = 3;
    });
    let runtime = builder(store, &provider, handler).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    // The fourth counts, as the first attempt.
    for (retries, least) in [(1, 3), (2, 6), (3, 100), (4, 24)] {
        let wanted = |op: &Operation| op.due_at.is_some() && op.retries == retries;
        let waits = until(runtime.orchestrator(), &accepted, wanted).await;
        let delay = waits.due_at.unwrap().since(clock.now());
        let least = Duration::from_secs(least);
        assert!(delay >= least && delay <= least.mul_f64(1.1), "{delay:?} after {retries}");
        assert_eq!(waits.attempt, u32::from(retries == 4));
        clock.advance(delay);
    }
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    assert_eq!(provider.calls(), 5);
    let keys = provider.keys.lock().unwrap();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

/// How a reconcile's answer ends an operation whose provider has said that it was done already.
async fn after_already_done(said: Reconciled<u64>) -> (Waited<u64>, usize) {
    let done = Answer::Error("ALREADY_PAID", Ending::AlreadyDone);
    let provider = Arc::new(Provider::default()).answers([done]).says([said]);
    let runtime = runtime(&provider, reconciling()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    let waited = finished(runtime.orchestrator(), &accepted).await;
    let history = runtime.orchestrator().history(accepted.op_id).await.unwrap();
    assert_eq!(history.len(), 2);
    let reason = "ALREADY_PAID".to_owned();
    assert_eq!(history[0].end, AttemptEnd::AlreadyDone { reason });
    assert!(history[0].to_string().contains("handler: already done: ALREADY_PAID"));
    assert_eq!(history[1].source, Source::Reconcile);
    (waited, provider.calls())
}

fn failure(waited: Waited<u64>) -> Failure {
    let Waited::Failed(failure) = waited else { panic!("{waited:?}") };
    failure
}

#[tokio::test]
async fn what_was_done_already_is_reconciled_and_never_called_again() {
    let (waited, calls) = after_already_done(Reconciled::Happened(7)).await;
    assert_eq!((waited, calls), (Waited::Ok(7), 1));
    let (waited, calls) = after_already_done(Reconciled::NotHappened).await;
    let somebody_s = failure(waited);
    assert!(somebody_s.uncertain && somebody_s.code == code::ALREADY_DONE && calls == 1);
    let refused = Reconciled::Refused { code: "EXPIRED".into(), message: "too late".into() };
    let (waited, calls) = after_already_done(refused).await;
    let refused = failure(waited);
    assert!(!refused.uncertain && refused.code == "EXPIRED" && calls == 1);
}

#[tokio::test]
async fn what_a_reconcile_refuses_ends_the_doubt_for_certain() {
    let refused = Reconciled::Refused { code: "DECLINED".into(), message: "no money".into() };
    let lost = Answer::Error("sent, but no answer", Ending::InDoubt);
    let provider = Arc::new(Provider::default()).answers([lost]).says([refused]);
    let runtime = runtime(&provider, reconciling()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    let failure = failure(finished(runtime.orchestrator(), &accepted).await);
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("DECLINED", "no money"));
    assert!(!failure.uncertain && failure.called);
    assert_eq!(provider.calls(), 1);
}
