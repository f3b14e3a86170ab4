//! A command whose stored form changes: two versions of it on one database.

use std::sync::Mutex;

use orch::internals::handler::emitted::{bound, checks};
use orch::internals::handler::{
    Call, Descriptor, HandledCommand, KeyFromCaller, Registration, TypedCommand,
};
use orch::memory::MemoryStore;
use orch::prelude::*;
use orch::{AcceptError, CannotRead, Invalid, Operation, Orchestrator, Payload, Phase, Status};

mod v1 {
    use super::*;

    #[derive(Serialize, Deserialize, Command)]
    #[serde(deny_unknown_fields)]
    #[command(biz_key = "ORDER-{order}", domain = "VERSIONS", event = "CHARGE", output = String)]
    pub(super) struct Charge {
        pub(super) order: u64,
        /// In dollars.
        pub(super) amount: u64,
    }
}

mod v2 {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, Command)]
    #[serde(deny_unknown_fields)]
    #[command(biz_key = "ORDER-{order}", domain = "VERSIONS", event = "CHARGE", output = String)]
    #[command(version = 2, upgrade = in_cents)]
    pub(super) struct Charge {
        pub(super) order: u64,
        /// In cents.
        pub(super) amount: u64,
        #[command(idem_ignore)]
        pub(super) sent_at: Option<u64>,
    }

    fn in_cents(before: v1::Charge) -> Result<Charge, &'static str> {
        match before.amount {
            13 => panic!("an unlucky amount"),
            dollars => {
                let amount = dollars.checked_mul(100).ok_or("more cents than a u64 holds")?;
                Ok(Charge { order: before.order, amount, sent_at: None })
            }
        }
    }
}

mod v3 {
    use super::*;

    #[derive(Serialize, Deserialize, Command)]
    #[command(biz_key = "ORDER-{order}", domain = "VERSIONS", event = "CHARGE", output = String)]
    #[command(version = 3, upgrade = with_currency)]
    pub(super) struct Charge {
        pub(super) order: u64,
        pub(super) total: u128,
        pub(super) currency: String,
    }

    fn with_currency(before: v2::Charge) -> Charge {
        let v2::Charge { order, amount, .. } = before;
        Charge { order, total: amount.into(), currency: "USD".into() }
    }
}

/// The version after the next, whose upgrade leaves one out.
mod skipping {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, Command)]
    #[command(biz_key = "ORDER-{order}", version = 4, upgrade = from_v1)]
    pub(super) struct Charge {
        pub(super) order: u64,
    }

    fn from_v1(before: v1::Charge) -> Charge {
        Charge { order: before.order }
    }
}

/// What is told of a command by the worker of its version.
trait Told: HandledCommand<Output = String> {
    fn told(&self) -> String;
}

impl Told for v1::Charge {
    fn told(&self) -> String {
        format!("v1: {} dollars for {}", self.amount, self.order)
    }
}

impl Told for v2::Charge {
    fn told(&self) -> String {
        format!("v2: {} cents for {}", self.amount, self.order)
    }
}

impl Told for v3::Charge {
    fn told(&self) -> String {
        format!("v3: {} {} for {}", self.total, self.currency, self.order)
    }
}

fn handler<C: Told>() -> Registration {
    let descriptor = Descriptor {
        name: "versions::charge",
        domain: "VERSIONS",
        event_type: "CHARGE",
        ..Descriptor::DEFAULTS
    };
    let attempt = |call: &Call| {
        let command = bound::<C>().command(call)?;
        bound::<C>().attempt(async move { Ok::<_, std::convert::Infallible>(command.told()) })
    };
    Registration::new(descriptor, attempt, Vec::new).checks(checks::<C>())
}

/// A worker of one version.
async fn worker<C: Told>(store: &MemoryStore) -> Runtime {
    let config = orch::Config::default().poll_every(Duration::from_millis(10));
    let runtime = Runtime::on(store.clone()).config(config).register(handler::<C>());
    runtime.only([("VERSIONS", "CHARGE")]).start().await.unwrap()
}

/// A process that only accepts.
async fn desk(store: &MemoryStore) -> Orchestrator {
    let runtime = Runtime::on(store.clone()).without_worker().start().await.unwrap();
    runtime.orchestrator().clone()
}

async fn accept<C>(desk: &Orchestrator, command: C) -> orch::Accepted<C>
where
    C: HandledCommand + TypedCommand<Key = KeyFromCaller>,
{
    desk.accept(command).idem_key("k").unwrap().await.unwrap()
}

async fn refused<C>(desk: &Orchestrator, command: C) -> AcceptError
where
    C: HandledCommand + TypedCommand<Key = KeyFromCaller>,
{
    desk.accept(command).idem_key("k").unwrap().await.unwrap_err()
}

fn dollars(amount: u64) -> v1::Charge {
    v1::Charge { order: 7, amount }
}

fn cents(amount: u64) -> v2::Charge {
    v2::Charge { order: 7, amount, sent_at: None }
}

fn total(total: u128) -> v3::Charge {
    v3::Charge { order: 7, total, currency: "USD".into() }
}

async fn stored(desk: &Orchestrator, op_id: orch::OpId) -> String {
    let payload = desk.get(op_id).await.unwrap().unwrap().payload;
    String::from_utf8(payload.as_bytes().to_vec()).unwrap()
}

async fn told<C>(desk: &Orchestrator, accepted: &orch::Accepted<C>) -> String
where
    C: HandledCommand<Output = String>,
{
    match desk.wait(accepted, Duration::from_secs(20)).await.unwrap() {
        Waited::Ok(told) => told,
        other => panic!("{other:?}"),
    }
}

/// Waits until it was given back.
async fn given_back(desk: &Orchestrator, op_id: orch::OpId) -> Operation {
    loop {
        let operation = desk.get(op_id).await.unwrap().unwrap();
        assert!(!operation.status.is_terminal(), "{operation:?}");
        if operation.reason.is_some() {
            return operation;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_version_is_the_first_key_and_version_1_is_as_ever() {
    let store = MemoryStore::new();
    let desk = desk(&store).await;
    let first = accept(&desk, dollars(5)).await;
    assert_eq!(stored(&desk, first.op_id).await, r#"{"order":7,"amount":5}"#);
    let third = desk.accept(total(u128::MAX)).idem_key("third").unwrap().await.unwrap();
    let text = format!(r#"{{"$version":3,"order":7,"total":{},"currency":"USD"}}"#, u128::MAX);
    assert_eq!(stored(&desk, third.op_id).await, text);
    let operation = desk.get(first.op_id).await.unwrap().unwrap();
    assert_eq!(operation.command_as::<v3::Charge>().unwrap().total, 500);
}

#[tokio::test]
async fn a_later_version_runs_what_every_earlier_one_has_accepted() {
    for (now, dollars_of_v1, cents_of_v2) in [
        (2, "v2: 500 cents for 7", "v2: 501 cents for 7"),
        (3, "v3: 500 USD for 7", "v3: 501 USD for 7"),
    ] {
        let store = MemoryStore::new();
        let desk = desk(&store).await;
        let first = accept(&desk, dollars(5)).await;
        let second = desk.accept(cents(501)).idem_key("second").unwrap().await.unwrap();
        let _worker = match now {
            2 => worker::<v2::Charge>(&store).await,
            _ => worker::<v3::Charge>(&store).await,
        };
        assert_eq!(told(&desk, &first).await, dollars_of_v1);
        assert_eq!(told(&desk, &second).await, cents_of_v2);
    }
}

#[tokio::test]
async fn an_earlier_version_gives_back_what_a_later_one_has_accepted() {
    let store = MemoryStore::new();
    let old = worker::<v1::Charge>(&store).await;
    let accepted = accept(old.orchestrator(), cents(501)).await;
    let waiting = given_back(old.orchestrator(), accepted.op_id).await;
    assert_eq!((waiting.phase, waiting.attempt), (Some(Phase::Waiting), 0));
    assert_eq!(
        waiting.reason.as_deref(),
        Some("the payload is of version 2, this program reads up to 1")
    );
    // Beside it, either of the two may come first each time, with a longer pause in between.
    let _ = old.shutdown().await;
    let new = worker::<v2::Charge>(&store).await;
    assert_eq!(told(new.orchestrator(), &accepted).await, "v2: 501 cents for 7");
}

#[tokio::test]
async fn a_version_that_the_upgrade_leaves_out_is_named() {
    let store = MemoryStore::new();
    let desk = desk(&store).await;
    let accepted = accept(&desk, cents(501)).await;
    let operation = desk.get(accepted.op_id).await.unwrap().unwrap();
    let why = operation.command_as::<skipping::Charge>().unwrap_err();
    assert_eq!(why, CannotRead::NoUpgrade { found: 2, known: 4 });
    assert_eq!(why.to_string(), "is of version 2, from which no `upgrade` leads to version 4");
}

#[tokio::test]
async fn an_upgrade_that_refuses_or_panics_is_no_failure_of_the_operation() {
    let store = MemoryStore::new();
    let new = worker::<v2::Charge>(&store).await;
    let desk = new.orchestrator();
    let refuses = desk.accept(dollars(u64::MAX)).idem_key("a").unwrap().await.unwrap();
    let panics = desk.accept(dollars(13)).idem_key("b").unwrap().await.unwrap();
    let reason = given_back(desk, refuses.op_id).await.reason.unwrap();
    assert_eq!(
        reason,
        "the payload is of an earlier version, and the upgrade from version 1 refuses it: more \
         cents than a u64 holds"
    );
    let reason = given_back(desk, panics.op_id).await.reason.unwrap();
    assert!(reason.contains("an unlucky amount"), "{reason}");
    let error = desk.accept(cents(1300)).idem_key("b").unwrap().await.unwrap_err();
    assert!(
        matches!(&error, AcceptError::OtherVersion { op_id, why: CannotRead::Panics { .. } }
        if *op_id == panics.op_id),
        "{error}"
    );
}

#[tokio::test]
async fn a_request_repeated_in_a_later_version_is_the_same_request() {
    let store = MemoryStore::new();
    let desk = desk(&store).await;
    let first = accept(&desk, dollars(5)).await;
    let again = accept(&desk, v2::Charge { sent_at: Some(3), ..cents(500) }).await;
    assert_eq!((again.op_id, again.disposition), (first.op_id, Disposition::Replayed));
    let again = accept(&desk, total(500)).await;
    assert_eq!((again.op_id, again.disposition), (first.op_id, Disposition::Replayed));
    // The old process sends its own form as ever.
    let again = accept(&desk, dollars(5)).await;
    assert_eq!((again.op_id, again.disposition), (first.op_id, Disposition::Replayed));
}

#[tokio::test]
async fn the_same_number_in_another_unit_is_another_request() {
    let store = MemoryStore::new();
    let desk = desk(&store).await;
    accept(&desk, dollars(5)).await;
    let error = refused(&desk, cents(5)).await;
    let AcceptError::Conflict { fields, .. } = &error else { panic!("{error}") };
    assert_eq!(fields, &["amount"]);
    let error = refused(&desk, total(5)).await;
    let AcceptError::Conflict { fields, .. } = &error else { panic!("{error}") };
    assert_eq!(fields, &["total"], "in the words of the version that asks");
}

#[tokio::test]
async fn an_earlier_version_cannot_compare_with_a_later_one() {
    let store = MemoryStore::new();
    let desk = desk(&store).await;
    let first = accept(&desk, cents(500)).await;
    for amount in [5, 500] {
        let error = refused(&desk, dollars(amount)).await;
        let AcceptError::OtherVersion { op_id, why } = &error else { panic!("{error}") };
        assert_eq!(*op_id, first.op_id);
        assert_eq!(*why, CannotRead::Newer { found: 2, known: 1 });
        assert!(error.to_string().contains("nothing new was accepted"), "{error}");
    }
    assert_eq!(desk.list(Default::default()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn an_untyped_command_of_a_version_is_one_of_the_same_version() {
    let store = MemoryStore::new();
    let desk = desk(&store).await;
    let start = |body: &'static str| {
        let command = orch::Command::new("VERSIONS", "CHARGE", "ORDER-7", "k", body).unwrap();
        desk.start(command, Duration::from_secs(60))
    };
    let first = start(r#"{ "$version": 2, "amount": 500, "order": 7, "sent_at": null }"#).await;
    assert_eq!(accept(&desk, cents(500)).await.op_id, first.unwrap());
    let other = start(r#"{"amount":500,"order":7}"#).await.unwrap_err();
    assert!(matches!(other, AcceptError::Conflict { .. }), "{other}");
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}", domain = "VERSIONS", event = "TAGGED", output = String)]
struct Tagged {
    id: u64,
    #[serde(flatten)]
    tags: std::collections::BTreeMap<String, u64>,
}

#[tokio::test]
async fn a_key_of_a_map_cannot_pass_for_the_version() {
    let desk = desk(&MemoryStore::new()).await;
    let tags = std::collections::BTreeMap::from([("$version".to_owned(), 2)]);
    let error = refused(&desk, Tagged { id: 1, tags }).await;
    let AcceptError::Invalid(Invalid::NotEncodable { reason }) = &error else { panic!("{error}") };
    assert!(reason.contains("`$version`"), "{reason}");
    // Without a decoder that takes any field, a later version is noticed by it alone.
    let later = Payload::from(r#"{"$version":2,"id":1}"#);
    assert!(matches!(Tagged::from_stored(&later), Err(CannotRead::Newer { .. })));
}

#[tokio::test]
async fn the_limit_of_a_payload_is_that_of_what_is_stored() {
    let store = MemoryStore::new();
    let limit = r#"{"$version":2,"order":7,"amount":500,"sent_at":null}"#.len();
    let config = |limit| orch::Config::default().payload_limit(limit);
    let start = |limit| Runtime::on(store.clone()).config(config(limit)).without_worker().start();
    let short = start(limit - 1).await.unwrap();
    let error = refused(short.orchestrator(), cents(500)).await;
    let too_large = Invalid::PayloadTooLarge { size: limit, limit: limit - 1 };
    assert!(matches!(&error, AcceptError::Invalid(said) if *said == too_large), "{error}");
    accept(start(limit).await.unwrap().orchestrator(), cents(500)).await;
}

/// What the hook has read of the command.
static BOOKED: Mutex<Vec<u64>> = Mutex::new(Vec::new());

#[tokio::test]
async fn a_hook_reads_the_command_whatever_version_has_stored_it() {
    let hook = orch::internals::store::HookFn {
        connection: orch::internals::store::ConnectionType::of::<orch::memory::MemoryConnection>,
        run: |_, _, of| {
            Box::pin(async move {
                let charge = of.command_as::<v2::Charge>();
                let charge = charge.map_err(orch::internals::store::HookError::new)?;
                BOOKED.lock().unwrap().push(charge.amount);
                Ok(())
            })
        },
    };
    let store = MemoryStore::new();
    let runtime = Runtime::on(store).register(handler::<v2::Charge>().finalize(hook));
    let runtime = runtime.only([("VERSIONS", "CHARGE")]).start().await.unwrap();
    let desk = runtime.orchestrator();
    let accepted = accept(desk, dollars(5)).await;
    assert_eq!(told(desk, &accepted).await, "v2: 500 cents for 7");
    let operation = desk.get(accepted.op_id).await.unwrap().unwrap();
    assert_eq!(
        (operation.status, BOOKED.lock().unwrap().as_slice()),
        (Status::Completed, &[500][..])
    );
}
