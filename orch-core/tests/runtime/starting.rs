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

#[tokio::test]
async fn a_key_that_outlives_the_operations_stops_the_start_naming_both() {
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    let keyed = || handler_with(|handler| handler.key_lifetime = Some(day));
    let settings = [
        ("Config::completed_retention", config().completed_retention(hour)),
        ("Config::failed_retention", config().failed_retention(hour)),
    ];
    for (setting, config) in settings {
        let starting = builder(MemoryStore::new(), &Arc::default(), keyed()).config(config).start();
        let text = starting.await.unwrap_err().to_string();
        for part in ["world::charge (", "world.rs:", "86400s", setting, "3600s"] {
            assert!(text.contains(part), "{text}");
        }
    }
    let exactly = config().completed_retention(day).failed_retention(day);
    let starting = builder(MemoryStore::new(), &Arc::default(), keyed()).config(exactly).start();
    assert!(starting.await.is_ok());
}

#[tokio::test]
async fn what_the_handler_declares_comes_before_the_settings() {
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    let declaring = |completed, failed| {
        let keyed = handler_with(|handler| {
            handler.key_lifetime = Some(day);
            handler.completed_retention = Some(completed);
            handler.failed_retention = Some(failed);
        });
        let config = config().completed_retention(hour).failed_retention(hour);
        builder(MemoryStore::new(), &Arc::default(), keyed).config(config).start()
    };
    assert!(declaring(day, day).await.is_ok());
    for (completed, failed, name) in
        [(hour, day, "the handler's completed_retention"), (day, hour, "the handler's failed_")]
    {
        let text = declaring(completed, failed).await.unwrap_err().to_string();
        assert!(text.contains(name) && text.contains("3600s"), "{text}");
    }
}

/// Its settings say nothing about operations that other workers run.
#[tokio::test]
async fn a_worker_that_leaves_a_kind_out_starts_with_any_retention() {
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    let keyed = handler_with(|handler| handler.key_lifetime = Some(day));
    let config = config().completed_retention(hour);
    let none: [(&str, &str); 0] = [];
    let starting = Runtime::on(MemoryStore::new()).register(keyed).only(none).config(config);
    assert!(starting.start().await.is_ok());
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
