//! The matrix can fail: handlers and providers that are wrong, and what the report says of them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orch::prelude::*;
use orch_testkit::{Boundary, Reply, Report, ScriptedProvider, crash_matrix};

type Provider = State<Arc<ScriptedProvider>>;

async fn call(provider: &ScriptedProvider, key: &str) -> Result<u64, Infallible> {
    match provider.call(key, b"5 EUR").await {
        Reply::Charged { receipt } => Ok(receipt),
        other => panic!("{other:?}"),
    }
}

/// A command and the handler of it that this test is about.
macro_rules! handler {
    ($command:ident, $name:ident, $event:literal, |$ctx:ident, $provider:ident| $run:expr) => {
        #[derive(Serialize, Deserialize, Command)]
        #[command(biz_key = "ORDER-{order_id}")]
        struct $command {
            order_id: u64,
        }

        #[orchestrated(domain = "GUARD", event = $event)]
        async fn $name(_: $command, $ctx: Context, $provider: Provider) -> Result<u64, Infallible> {
            $run
        }
    };
}

handler!(Plain, plain, "PLAIN", |ctx, provider| {
    call(&provider, ctx.provider_key().as_str()).await
});

/// The mistake that an SDK with automatic keys makes for you.
static NEXT: AtomicU64 = AtomicU64::new(1);

handler!(Random, random, "RANDOM", |_ctx, provider| {
    call(&provider, &format!("random-{}", NEXT.fetch_add(1, Ordering::SeqCst))).await
});

handler!(Keyless, keyless, "KEYLESS", |_ctx, provider| call(&provider, "").await);

handler!(OfTheOrder, of_the_order, "OF_THE_ORDER", |ctx, provider| {
    call(&provider, ctx.biz_key()).await
});

handler!(Idle, idle, "IDLE", |_ctx, _provider| Ok(7));

async fn report_of<C, A, F>(handler: F, command: C, provider: fn() -> ScriptedProvider) -> Report
where
    C: orch::HandledCommand,
    F: orch_testkit::OrchestratedFn<C, A>,
{
    crash_matrix(handler, command).against(provider).state(Arc::clone).run().await
}

fn ignoring_keys() -> ScriptedProvider {
    ScriptedProvider::default().ignoring_keys()
}

#[tokio::test]
async fn a_handler_that_sends_the_provider_key_is_safe() {
    let report = report_of(plain, Plain { order_id: 1 }, ScriptedProvider::default).await;
    report.assert_safe();
    assert!(report.cells().iter().all(|cell| cell.killed == cell.boundary.is_some()), "{report}");
    let twice = report.cells().iter().filter(|cell| cell.deaths == 2);
    let twice: Vec<_> = twice.map(|cell| (cell.boundary.unwrap(), cell.keys.len())).collect();
    assert_eq!(report.cells().len(), 8 + twice.len());
    assert_eq!(twice, [(Boundary::Claimed, 1), (Boundary::Sent, 3), (Boundary::Answered, 3)]);
}

// A handler that gives up its key after two tries.
handler!(Impatient, impatient, "IMPATIENT", |ctx, provider| {
    let key = ctx.provider_key();
    let changed = if ctx.attempt() < 3 { key.to_string() } else { format!("{key}-again") };
    call(&provider, &changed).await
});

#[tokio::test]
async fn a_key_that_changes_with_the_third_attempt_is_found_where_two_processes_die() {
    let report = report_of(impatient, Impatient { order_id: 1 }, ScriptedProvider::default).await;
    let wrong: Vec<_> =
        report.faults().iter().map(|fault| (fault.boundary, fault.deaths)).collect();
    let (sent, answered) = ((Some(Boundary::Sent), 2), (Some(Boundary::Answered), 2));
    assert_eq!(wrong, [sent, sent, answered, answered], "{report}");
    let told = report.to_string();
    assert!(told.contains("sent twice, answered twice: the provider acted 2 times"), "{told}");
}

// A handler that makes up for two lost tries with a second call.
handler!(Thorough, thorough, "THOROUGH", |ctx, provider| {
    let key = ctx.provider_key();
    if ctx.attempt() == 3 {
        call(&provider, "for safety").await?;
    }
    call(&provider, key.as_str()).await
});

#[tokio::test]
async fn an_effect_that_doubles_with_the_third_attempt_is_found_where_two_processes_die() {
    let report = report_of(thorough, Thorough { order_id: 1 }, ScriptedProvider::default).await;
    let doubled = |cell: &&orch_testkit::Cell| cell.effects > 1;
    let doubled: Vec<_> = report.cells().iter().filter(doubled).map(|cell| cell.deaths).collect();
    assert_eq!(doubled, [2, 2, 2], "{report}");
    assert!(report.faults().iter().all(|fault| fault.deaths == 2), "{report}");
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Twice {
    order_id: u64,
}

#[orchestrated(domain = "GUARD", event = "TWICE", max_attempts = 2)]
async fn twice(_: Twice, ctx: Context, provider: Provider) -> Result<u64, Infallible> {
    call(&provider, ctx.provider_key().as_str()).await
}

#[tokio::test]
async fn no_second_process_dies_where_there_is_no_third_attempt() {
    let report = report_of(twice, Twice { order_id: 1 }, ScriptedProvider::default).await;
    report.assert_safe();
    assert!(report.cells().iter().all(|cell| cell.deaths < 2), "{report}");
}

#[tokio::test]
#[should_panic(
    expected = "sent, answered: the provider acted 2 times; each call had a different key"
)]
async fn a_random_key_for_each_call_fails_the_test() {
    let report = report_of(random, Random { order_id: 1 }, ScriptedProvider::default).await;
    report.assert_safe();
}

#[tokio::test]
#[should_panic(expected = "a call had no key, and the handler's effect is `keyed`")]
async fn a_call_without_a_key_fails_the_test() {
    let report = report_of(keyless, Keyless { order_id: 1 }, ScriptedProvider::default).await;
    report.assert_safe();
}

#[tokio::test]
#[should_panic(expected = "\"ORDER-1\" was used for another operation as well")]
async fn a_key_made_of_the_command_fails_the_test() {
    let command = OfTheOrder { order_id: 1 };
    report_of(of_the_order, command, ScriptedProvider::default).await.assert_safe();
}

#[tokio::test]
async fn a_provider_that_ignores_keys_is_found_where_the_call_is_repeated() {
    let report = report_of(plain, Plain { order_id: 1 }, ignoring_keys).await;
    let wrong: Vec<_> = report.faults().iter().map(|fault| fault.boundary.unwrap()).collect();
    let again = [Boundary::Sent, Boundary::Answered];
    assert_eq!(wrong, [again, again].concat());
    // The README shows it.
    assert_eq!(report.to_string(), include_str!("ignoring_keys.txt"));
}

#[tokio::test]
#[should_panic(expected = "no call is in the provider's books")]
async fn books_that_do_not_show_the_call_fail_the_test() {
    report_of(idle, Idle { order_id: 1 }, ScriptedProvider::default).await.assert_safe();
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Denied {
    order_id: u64,
}

async fn deny(_: Denied) -> Reconciled<u64> {
    Reconciled::NotHappened
}

#[orchestrated(domain = "GUARD", event = "DENIED", effect = "unsafe", reconcile = deny)]
async fn denied(_: Denied, ctx: Context, provider: Provider) -> Result<u64, Infallible> {
    call(&provider, ctx.provider_key().as_str()).await
}

#[tokio::test]
#[should_panic(expected = "let `reconcile` say `NotHappened` only of what is not in its books")]
async fn a_reconcile_that_denies_everything_fails_the_test_and_is_named() {
    report_of(denied, Denied { order_id: 1 }, ignoring_keys).await.assert_safe();
}
