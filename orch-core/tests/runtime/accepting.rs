use std::time::Duration;

use orch_core::flow::{AcceptError, Disposition};
use orch_core::memory::MemoryStore;
use orch_core::runtime::Runtime;
use orch_core::words::{Command, Invalid, Owner, Payload, Status, Waited};

use crate::world::{Charge, Provider, accept, config, finished, handler, runtime};

#[tokio::test]
async fn the_same_request_again_is_the_same_operation() {
    let runtime = runtime(&Provider::default().into(), handler()).await;
    let first = accept(runtime.orchestrator(), 1).await;
    let again = accept(runtime.orchestrator(), 1).await;
    assert_eq!(
        (first.disposition, again.disposition),
        (Disposition::Created, Disposition::Replayed)
    );
    assert_eq!(first.op_id, again.op_id);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused_by_field() {
    let runtime = runtime(&Provider::default().into(), handler()).await;
    let first = accept(runtime.orchestrator(), 1).await;
    let other = Charge { order: 1, amount: 999 };
    let error = runtime.orchestrator().accept(other).idem_key("key-1").unwrap().await.unwrap_err();
    let AcceptError::Conflict { op_id, fields } = error else { panic!("{error}") };
    assert_eq!((op_id, fields), (first.op_id, vec!["amount".to_owned()]));
}

#[tokio::test]
async fn an_untyped_command_reaches_the_typed_handler() {
    let runtime = runtime(&Provider::default().into(), handler()).await;
    let orchestrator = runtime.orchestrator();
    let command = || {
        Command::new("PAYMENT", "CHARGE", "ORDER-1", "key-1", r#"{"order":1,"amount":7}"#).unwrap()
    };
    let budget = Duration::from_secs(300);
    let op_id = orchestrator.start(command(), budget).await.unwrap();
    assert_eq!(orchestrator.start(command(), budget).await.unwrap(), op_id);
    let finished = orchestrator.wait_for(op_id, Duration::from_secs(20)).await.unwrap();
    assert_eq!(finished, Waited::Ok(Payload::from("7")));
}

#[tokio::test]
async fn too_large_a_payload_never_reaches_the_store() {
    let config = config().payload_limit(10);
    let runtime =
        Runtime::on(MemoryStore::new()).config(config).without_worker().start().await.unwrap();
    let command = Command::new("A", "B", "c", "d", "12345678901").unwrap();
    let error = runtime.orchestrator().start(command, Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(
        error,
        AcceptError::Invalid(Invalid::PayloadTooLarge { size: 11, limit: 10 })
    ));
}

#[tokio::test]
async fn an_absurd_time_budget_is_refused() {
    let runtime = runtime(&Provider::default().into(), handler()).await;
    for budget in [Duration::ZERO, Duration::MAX] {
        let command = Command::new("A", "B", "c", "d", "{}").unwrap();
        let error = runtime.orchestrator().start(command, budget).await.unwrap_err();
        assert!(error.to_string().starts_with("time_budget is"), "{error}");
    }
}

#[tokio::test]
async fn a_key_that_breaks_its_rule_is_refused_before_anything_happens() {
    let runtime = runtime(&Provider::default().into(), handler()).await;
    let charge = Charge { order: 1, amount: 1 };
    let error = runtime.orchestrator().accept(charge).idem_key(" ").unwrap_err();
    assert_eq!(error, Invalid::Blank { field: "idem_key" });
}

#[tokio::test]
async fn owners_do_not_see_one_another() {
    let runtime = runtime(&Provider::default().into(), handler()).await;
    let shop = runtime.orchestrator().owned_by(Owner::new("shop").unwrap());
    let other = runtime.orchestrator().owned_by(Owner::new("other").unwrap());
    let accepted = accept(&shop, 1).await;
    assert_eq!(finished(&shop, &accepted).await, Waited::Ok(501));
    assert!(other.get(accepted.op_id).await.unwrap().is_none());
    assert!(other.history(accepted.op_id).await.is_err());
    assert!(other.wait(&accepted, Duration::ZERO).await.is_err());
    let theirs = accept(&other, 1).await;
    assert_ne!(theirs.op_id, accepted.op_id, "the owner is part of the identity");
}

#[tokio::test]
async fn a_producer_without_a_worker_accepts_and_waits() {
    let store = MemoryStore::new();
    let producer = Runtime::on(store).without_worker().start().await.unwrap();
    let accepted = accept(producer.orchestrator(), 1).await;
    let finished = producer.orchestrator().wait(&accepted, Duration::ZERO).await.unwrap();
    let Waited::Pending(operation) = finished else { panic!("{finished:?}") };
    assert_eq!(operation.status, Status::Pending);
}
