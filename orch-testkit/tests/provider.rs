//! The scripted provider does what its script says and honours keys.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use orch_testkit::{ProviderCall, Reply, ScriptedProvider, Step};

/// Makes a call that gets no answer, and gives up on it.
async fn unanswered(provider: &Arc<ScriptedProvider>, key: &'static str) {
    let before = provider.calls().len();
    let calling = Arc::clone(provider);
    let call = tokio::spawn(async move { calling.call(key, b"5").await });
    provider.called(before + 1).await;
    assert!(!call.is_finished());
    call.abort();
}

#[tokio::test]
async fn each_step_has_its_reply() {
    let after = Duration::from_secs(7);
    let steps = [Step::Decline, Step::Unavailable, Step::RateLimited(after), Step::Charge];
    let provider = ScriptedProvider::new(steps);
    assert_eq!(provider.call("a", b"5").await, Reply::Declined);
    assert_eq!(provider.call("b", b"5").await, Reply::Unavailable);
    assert_eq!(provider.call("b", b"5").await, Reply::RateLimited { after });
    assert_eq!(provider.call("b", b"5").await, Reply::Charged { receipt: 1 });
    assert_eq!(provider.call("c", b"5").await, Reply::Charged { receipt: 2 });
    assert_eq!(provider.charged(), 2);
}

#[tokio::test]
async fn a_key_is_charged_once_and_gets_one_answer() {
    let provider = ScriptedProvider::new([Step::Charge, Step::Charge, Step::Decline]);
    for _ in 0..3 {
        assert_eq!(provider.call("a", b"5").await, Reply::Charged { receipt: 1 });
    }
    assert_eq!(provider.charges("a"), 1);
    assert_eq!(provider.call("a", b"6").await, Reply::KeyReused);
}

#[tokio::test]
async fn a_refusal_comes_before_the_key_is_looked_at() {
    let provider = ScriptedProvider::new([Step::Charge, Step::Refuse]);
    assert_eq!(provider.call("a", b"5").await, Reply::Charged { receipt: 1 });
    assert_eq!(provider.call("a", b"5").await, Reply::Refused);
    assert_eq!(provider.call("a", b"5").await, Reply::Charged { receipt: 1 });
}

#[tokio::test]
async fn a_provider_without_keys_charges_twice() {
    let provider = ScriptedProvider::new([]).ignoring_keys();
    assert_eq!(provider.call("a", b"5").await, Reply::Charged { receipt: 1 });
    assert_eq!(provider.call("a", b"5").await, Reply::Charged { receipt: 2 });
    assert_eq!(provider.charges("a"), 2);
}

#[tokio::test]
async fn a_charge_without_an_answer_has_happened() {
    let provider = Arc::new(ScriptedProvider::new([Step::ChargeAndNeverAnswer]));
    unanswered(&provider, "a").await;
    assert_eq!(provider.happened("a"), Some(Reply::Charged { receipt: 1 }));
    assert_eq!(provider.call("a", b"5").await, Reply::Charged { receipt: 1 });
    assert_eq!(provider.charges("a"), 1);
}

#[tokio::test]
async fn a_call_that_was_swallowed_has_not_happened() {
    let provider = Arc::new(ScriptedProvider::new([Step::NeverAnswer, Step::Unavailable]));
    unanswered(&provider, "a").await;
    assert_eq!(provider.call("a", b"5").await, Reply::Unavailable);
    assert_eq!((provider.happened("a"), provider.charged()), (None, 0));
}

#[tokio::test]
async fn every_call_is_recorded_in_order() {
    let provider = ScriptedProvider::new([Step::Unavailable]);
    provider.call("a", b"5").await;
    provider.call("b", &[0, 255]).await;
    let call = |key: &str, payload: &[u8], step| ProviderCall {
        key: key.to_owned(),
        payload: payload.to_owned(),
        step,
    };
    let expected = [call("a", b"5", Step::Unavailable), call("b", &[0, 255], Step::Charge)];
    assert_eq!(provider.calls(), expected);
}
