//! A look before a deploy: what this program could not carry on, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orch_core::handler::{Reconciled, Registration};
use orch_core::memory::{MemoryConnection, MemoryStore};
use orch_core::policies::{Ending, InDoubt, KindPolicy};
use orch_core::runtime::{Checked, Lack, Runtime, RuntimeBuilder};
use orch_core::store::{
    Acceptance, Claim, ClaimParams, Claimed, ConnectionType, EndedAttempt, HookFn, Page, Store,
    StoreError, Unfinished, UnfinishedParams,
};
use orch_core::words::{
    AttemptEnd, CannotRead, ClaimId, Command, Fingerprint, KeySeed, Kind, OpId, Outcome, Owner,
    Payload, Phase, Source, WorkerId,
};
use orch_testkit::{Layered, StoreLayer, Verb};

use crate::world::{Answer, Provider, accept, builder, handler, reconciling, until};

const SECRET: &str = "4242-4242";

fn kind() -> Kind {
    Kind::new("PAYMENT", "CHARGE").unwrap()
}

/// What another program has accepted.
fn acceptance(event: &str, key: &str, body: &str) -> Acceptance {
    let command = Command::new("PAYMENT", event, "ORDER-1", key, body).unwrap();
    Acceptance {
        op_id: OpId::generate(),
        owner: Owner::new("tenant").unwrap(),
        fingerprint: Fingerprint::of(command.payload()),
        command,
        time_budget: Duration::from_secs(3600),
        key_seed: KeySeed::from_bytes([1; 16]),
        form: None,
        earlier: Vec::new(),
        unique: false,
    }
}

async fn accepted(store: &impl Store, event: &str, key: &str, body: &str) -> OpId {
    let acceptance = acceptance(event, key, body);
    let op_id = acceptance.op_id;
    store.accept(vec![acceptance]).await.unwrap();
    op_id
}

/// The worker of another program takes all that is due of the kind.
async fn claimed(store: &impl Store, policy: KindPolicy) -> Vec<Claim> {
    let worker = WorkerId::generate("other").unwrap();
    let lease = Duration::from_secs(60);
    let params =
        ClaimParams { kinds: vec![policy], worker, id: ClaimId::generate(), limit: 100, lease };
    let claim = |claimed| match claimed {
        Claimed::Operation(operation) => operation.claim(),
        Claimed::Undecodable { op_id, .. } | Claimed::Refused { op_id, .. } => panic!("{op_id}"),
    };
    store.claim(params).await.unwrap().into_iter().map(claim).collect()
}

/// It logs this end; its status has not followed.
async fn logged(store: &impl Store, claim: Claim, end: AttemptEnd) {
    let delay = Duration::from_secs(1);
    store.log(vec![EndedAttempt { claim, source: Source::Handler, end, delay }]).await.unwrap();
}

/// The program that is to be deployed. No state is given to it.
fn next(store: &MemoryStore, handler: Registration) -> RuntimeBuilder {
    Runtime::on(store.clone()).register(handler)
}

async fn check(store: &MemoryStore, handler: Registration) -> Checked {
    next(store, handler).check().await.unwrap()
}

/// The one that is named.
fn only(checked: &Checked) -> &Lack {
    assert!(!checked.is_clear());
    assert_eq!(checked.unhandled.len(), 1, "{checked:?}");
    &checked.unhandled[0].lack
}

const HOOK: HookFn = HookFn {
    connection: ConnectionType::of::<MemoryConnection>,
    run: |_, _, _| Box::pin(async { Ok(()) }),
};

#[tokio::test]
async fn what_this_program_can_carry_on_is_counted_and_not_named() {
    let store = MemoryStore::new();
    assert_eq!(check(&store, handler()).await, Checked::default());
    accepted(&store, "CHARGE", "a", r#"{"order":1,"amount":5}"#).await;
    claimed(&store, KindPolicy::new(kind())).await;
    accepted(&store, "CHARGE", "b", r#"{"order":1,"amount":5}"#).await;
    let checked = check(&store, handler()).await;
    assert!(checked.is_clear() && checked.unhandled.is_empty(), "{checked:?}");
    assert_eq!((checked.kinds[0].kind.clone(), checked.kinds[0].read), (kind(), 2));
}

#[tokio::test]
async fn a_kind_without_a_handler_is_named_with_its_owner() {
    let store = MemoryStore::new();
    let refund = accepted(&store, "REFUND", "a", "{}").await;
    let checked = check(&store, handler()).await;
    assert_eq!(only(&checked), &Lack::Handler);
    let named = &checked.unhandled[0];
    let kind = Kind::new("PAYMENT", "REFUND").unwrap();
    assert_eq!(named.op_id, refund);
    assert_eq!(named.of, Some((Owner::new("tenant").unwrap(), kind)));
    assert_eq!(
        named.to_string(),
        format!("{refund} PAYMENT/REFUND of \"tenant\": this program has no handler of its kind")
    );
    accepted(&store, "CHARGE", "b", r#"{"order":1,"amount":5}"#).await;
    let only_this = next(&store, handler()).only([("PAYMENT", "CHARGE")]).check().await.unwrap();
    assert_eq!(only_this.kinds.iter().map(|it| it.unhandled).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test]
async fn payloads_that_do_not_decode_are_all_counted_and_some_named_without_content() {
    let store = MemoryStore::new();
    for n in 0..250 {
        let body = format!(r#"{{"order":1,"amount":"{SECRET}"}}"#);
        accepted(&store, "CHARGE", &format!("wrong-{n}"), &body).await;
    }
    accepted(&store, "CHARGE", "newer", r#"{"$version":2,"order":1,"amount":5}"#).await;
    accepted(&store, "CHARGE", "more", r#"{"order":1,"amount":5,"coupon":"SPRING"}"#).await;
    let checked = check(&store, handler()).await;
    assert_eq!((checked.kinds[0].read, checked.kinds[0].unhandled), (252, 252));
    assert_eq!(checked.unhandled.len(), 20, "each lacks the same thing: a type that reads it");
    assert!(!format!("{checked:?}").contains(SECRET));
    let store = MemoryStore::new();
    accepted(&store, "CHARGE", "newer", r#"{"$version":2,"order":1,"amount":5}"#).await;
    let newer = Lack::Command(CannotRead::Newer { found: 2, known: 1 });
    assert_eq!(only(&check(&store, handler()).await), &newer);
}

#[tokio::test]
async fn a_hook_that_a_worker_had_is_missed() {
    let store = MemoryStore::new();
    accepted(&store, "CHARGE", "a", r#"{"order":1,"amount":5}"#).await;
    let hooked = KindPolicy { hooked: true, ..KindPolicy::new(kind()) };
    let claims = claimed(&store, hooked).await;
    assert_eq!(only(&check(&store, handler()).await), &Lack::Hook);
    logged(&store, claims[0], AttemptEnd::Outcome(Outcome::Ok { output: "5".into() })).await;
    assert_eq!(only(&check(&store, handler()).await), &Lack::Hook);
    assert!(check(&store, handler().finalize(HOOK)).await.is_clear());
}

#[tokio::test]
async fn a_reconcile_is_missed_where_there_is_doubt_or_may_be() {
    let store = MemoryStore::new();
    accepted(&store, "CHARGE", "a", r#"{"order":1,"amount":5}"#).await;
    let declared = KindPolicy { in_doubt: InDoubt::Reconcile, ..KindPolicy::new(kind()) };
    let claims = claimed(&store, declared).await;
    assert_eq!(only(&check(&store, handler()).await), &Lack::Reconcile);
    let (source, delay) = (Source::Handler, Duration::from_secs(1));
    let end = AttemptEnd::InDoubt { reason: "no answer".into() };
    store.settle(vec![EndedAttempt { claim: claims[0], source, end, delay }]).await.unwrap();
    assert_eq!(only(&check(&store, handler()).await), &Lack::Reconcile);
    assert!(check(&store, reconciling()).await.is_clear());
}

#[tokio::test]
async fn a_logged_output_that_the_handler_does_not_return_is_named() {
    let store = MemoryStore::new();
    // Its outcome is there, so nothing reads the payload any more.
    accepted(&store, "CHARGE", "a", "not for this type").await;
    let claims = claimed(&store, KindPolicy::new(kind())).await;
    let output = Payload::from(format!("\"{SECRET}\""));
    logged(&store, claims[0], AttemptEnd::Outcome(Outcome::Ok { output })).await;
    let checked = check(&store, handler()).await;
    assert!(matches!(only(&checked), Lack::Output(CannotRead::Undecodable(_))), "{checked:?}");
    assert!(!format!("{checked:?}").contains(SECRET));
    let store = MemoryStore::new();
    accepted(&store, "CHARGE", "a", "not for this type").await;
    let claims = claimed(&store, KindPolicy::new(kind())).await;
    logged(&store, claims[0], AttemptEnd::Outcome(Outcome::Ok { output: "5".into() })).await;
    assert!(check(&store, handler()).await.is_clear());
}

#[tokio::test]
async fn a_row_that_cannot_be_decoded_is_counted_apart() {
    let store = MemoryStore::new();
    let bad = accepted(&store, "CHARGE", "a", "{}").await;
    store.corrupt(bad);
    let checked = check(&store, handler()).await;
    assert!(matches!(only(&checked), Lack::Row { .. }), "{checked:?}");
    assert_eq!((checked.undecodable, checked.unhandled[0].of.clone()), (1, None));
    assert_eq!(checked.kinds, []);
}

#[tokio::test]
async fn a_decoder_that_panics_is_no_panic_of_the_check() {
    let mut panics = handler();
    let mut checks = panics.checks.unwrap();
    checks.stored_output = |_| panic!("out of paper");
    panics.checks = Some(checks);
    let store = MemoryStore::new();
    accepted(&store, "CHARGE", "a", r#"{"order":1,"amount":5}"#).await;
    let claims = claimed(&store, KindPolicy::new(kind())).await;
    logged(&store, claims[0], AttemptEnd::Outcome(Outcome::Ok { output: "5".into() })).await;
    let checked = check(&store, panics).await;
    assert!(matches!(only(&checked), Lack::Output(CannotRead::Panics { .. })), "{checked:?}");
}

#[tokio::test]
async fn it_says_before_the_deploy_what_the_worker_says_after_it() {
    let provider = Arc::new(Provider::default());
    let provider = provider.answers([Answer::Error("no answer", Ending::InDoubt)]);
    let store = MemoryStore::new();
    let old = builder(store.clone(), &provider, reconciling()).start().await.unwrap();
    let accepted = accept(old.orchestrator(), 1).await;
    until(old.orchestrator(), &accepted, |op| op.phase == Some(Phase::InDoubt)).await;
    let _ = old.shutdown().await;
    assert_eq!(only(&check(&store, handler()).await), &Lack::Reconcile);
    let new = builder(store.clone(), &provider, handler()).start().await.unwrap();
    until(new.orchestrator(), &accepted, |op| {
        op.reason.as_deref().is_some_and(|reason| reason.contains("has no reconcile"))
    })
    .await;
    let _ = new.shutdown().await;
    let provider = provider.says([Reconciled::Happened(77)]);
    assert!(check(&store, reconciling()).await.is_clear());
    assert_eq!(provider.calls(), 1);
}

/// Accepts more between two pages than a page holds.
struct Busy(MemoryStore);

#[async_trait]
impl StoreLayer for Busy {
    async fn unfinished(
        &self,
        next: &dyn Store,
        params: UnfinishedParams,
    ) -> Result<Page<Unfinished>, StoreError> {
        let page = self.around(Verb::Unfinished, next.unfinished(params)).await;
        let batch = (0..150).map(|_| acceptance("CHARGE", &OpId::generate().to_string(), "{}"));
        self.0.accept(batch.collect()).await?;
        page
    }
}

#[tokio::test]
async fn it_ends_also_where_more_is_accepted_than_it_reads() {
    let store = MemoryStore::new();
    for n in 0..150 {
        accepted(&store, "CHARGE", &format!("before-{n}"), "{}").await;
    }
    let busy = Layered::over(Arc::new(store.clone()), Busy(store.clone()));
    let checking = Runtime::on(busy).register(handler()).check();
    let checked = tokio::time::timeout(Duration::from_secs(20), checking).await.unwrap().unwrap();
    assert!((150..=500).contains(&checked.kinds[0].read), "{checked:?}");
}
