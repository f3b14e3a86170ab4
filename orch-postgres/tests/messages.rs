//! Messages of providers, while somebody else holds on to the operation that one is about.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use orch_core::store::{AnswerParams, RecordParams, Store};
use orch_core::words::{AttemptEnd, OpId, Outcome, Reference};
use orch_testkit::fixture::{acceptance, kind, output};

use common::{Schema, execute};

async fn told(store: &impl Store, key: &str) -> OpId {
    let item = acceptance(key);
    let op_id = item.op_id;
    store.accept(vec![item]).await.unwrap();
    let of = Reference::of_operation(op_id);
    store.refer(of.clone(), op_id).await.unwrap();
    let end = AttemptEnd::Outcome(Outcome::Ok { output: output("paid") });
    let source = "webhook evt_1".to_owned();
    store.record(RecordParams { of, kind: kind(), end, source }).await.unwrap();
    op_id
}

/// Without waiting for the lock, which the server would cut off after 30 s.
#[tokio::test]
async fn an_operation_that_somebody_holds_keeps_no_other_message_waiting() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let held = told(&store, "held").await;
    let free = told(&store, "free").await;
    let mut somebody = schema.connect().await;
    execute(&mut somebody, "BEGIN").await;
    let lock = format!("SELECT FROM orch_queue WHERE op_id = '{held}' FOR UPDATE");
    execute(&mut somebody, &lock).await;
    let all = || AnswerParams { of: None, hooked_kinds: Vec::new(), limit: 10 };
    let moved = |swept: Vec<orch_core::store::Swept>| -> Vec<OpId> {
        swept.iter().map(|swept| swept.op_id).collect()
    };
    assert_eq!(moved(store.answer(all()).await.unwrap()), [free]);
    execute(&mut somebody, "ROLLBACK").await;
    let of = Some(Reference::of_operation(held));
    assert_eq!(moved(store.answer(AnswerParams { of, ..all() }).await.unwrap()), [held]);
}
