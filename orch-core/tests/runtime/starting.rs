use std::sync::Arc;
use std::time::Duration;

use orch_core::memory::MemoryStore;
use orch_core::policies::{Contradiction, Effect, InDoubt};
use orch_core::runtime::{Runtime, StartError};
use orch_core::store::OpenError;

use crate::world::{Provider, builder, config, handler, handler_with};

#[tokio::test]
async fn a_missing_state_stops_the_start_naming_handler_and_type() {
    let starting = Runtime::on(MemoryStore::new()).register(handler()).start();
    let text = starting.await.unwrap_err().to_string();
    assert!(text.contains("world::charge") && text.contains("Provider"), "{text}");
}

#[tokio::test]
async fn two_handlers_for_one_kind_stop_the_start_naming_both() {
    let twin = handler_with(|handler| handler.name = "world::twin");
    let starting = builder(MemoryStore::new(), &Arc::default(), handler()).register(twin).start();
    let text = starting.await.unwrap_err().to_string();
    for part in ["PAYMENT/CHARGE", "world::charge (", "world::twin (", "world.rs:"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn only_restricts_the_worker_and_refuses_what_is_not_there() {
    let provider = Arc::new(Provider::default());
    let with = |kind| builder(MemoryStore::new(), &provider, handler()).only([kind]).start();
    assert!(with(("PAYMENT", "CHARGE")).await.is_ok());
    let error = with(("PAYMENT", "REFUND")).await.unwrap_err();
    assert!(matches!(error, StartError::NoHandler { ref kind } if kind == "PAYMENT/REFUND"));
    let none: [(&str, &str); 0] = [];
    let idle = Runtime::on(MemoryStore::new()).register(handler()).only(none).start().await;
    assert!(idle.is_ok(), "what is left out needs no state");
}

#[tokio::test]
async fn a_setting_out_of_bounds_stops_the_start() {
    let config = config().concurrency(0);
    let starting = Runtime::on(MemoryStore::new()).config(config).start();
    let text = starting.await.unwrap_err().to_string();
    assert_eq!(
        text,
        "the configuration is not valid: concurrency is 0; it must lie between 1 and 10000"
    );
}

#[tokio::test]
async fn a_url_says_what_is_missing() {
    let open = |url: &'static str| async move { Runtime::connect(url).start().await };
    assert!(open("memory:").await.is_ok());
    let error = open("postgres://u:secret@h/d").await.unwrap_err();
    assert!(matches!(error, StartError::Open(OpenError::FeatureOff { feature: "postgres", .. })));
    assert!(!error.to_string().contains("secret"));
    let error = open("mysql://h").await.unwrap_err();
    assert!(matches!(error, StartError::Open(OpenError::UnknownScheme { .. })));
    assert!(matches!(open("nothing").await, Err(StartError::Open(OpenError::NoScheme))));
}

/// A request that comes again after the retention has the first one's key.
#[tokio::test]
async fn a_key_may_be_remembered_for_longer_than_its_operation_is_kept() {
    let (hour, month) = (Duration::from_secs(3600), Duration::from_secs(31 * 24 * 3600));
    let keyed = handler_with(|handler| handler.key_lifetime = Some(month));
    let config = config().completed_retention(hour).failed_retention(hour);
    let starting = builder(MemoryStore::new(), &Arc::default(), keyed).config(config).start();
    assert!(starting.await.is_ok());
}

#[tokio::test]
async fn declarations_that_contradict_each_other_stop_the_start() {
    let unsafely = handler_with(|handler| handler.effect = Effect::Unsafe);
    let starting = builder(MemoryStore::new(), &Arc::default(), unsafely).start();
    let error = starting.await.unwrap_err();
    let rule = Contradiction::UnsafeRetry;
    assert!(matches!(error, StartError::Contradiction { rule: r, .. } if r == rule), "{error}");
    assert!(error.to_string().contains("world::charge ("), "{error}");
    let parking = handler_with(|handler| {
        handler.effect = Effect::Unsafe;
        handler.in_doubt = InDoubt::Park;
    });
    assert!(builder(MemoryStore::new(), &Arc::default(), parking).start().await.is_ok());
}

#[tokio::test]
async fn a_required_handler_that_is_missing_stops_the_start() {
    let provider = Arc::new(Provider::default());
    let requiring =
        |kind| builder(MemoryStore::new(), &provider, handler()).require([kind]).start();
    assert!(requiring(("PAYMENT", "CHARGE")).await.is_ok());
    let error = requiring(("PAYMENT", "REFUND")).await.unwrap_err();
    assert!(matches!(error, StartError::NoHandler { ref kind } if kind == "PAYMENT/REFUND"));
}
