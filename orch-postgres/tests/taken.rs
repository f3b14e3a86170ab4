//! What an accept that stored nothing asks about the operation in its way.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use orch_core::store::{Acceptance, Admitted, Store};
use orch_testkit::fixture::acceptance;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use common::Schema;

const TAKEN: &str = include_str!("../queries/accept_taken.sql");

/// The operation that is named to a request with this key for the biz key of `item`.
async fn named(connection: &mut PgConnection, item: &Acceptance, key: &str) -> Option<Uuid> {
    let Acceptance { owner, command, .. } = item;
    let named: Option<(i64, Uuid)> = sqlx::query_as(TAKEN)
        .bind([owner.as_str()])
        .bind([command.domain().as_str()])
        .bind([command.event_type().as_str()])
        .bind([command.biz_key().as_str()])
        .bind([key])
        .fetch_optional(connection)
        .await
        .unwrap();
    named.map(|(_, op_id)| op_id)
}

/// Between the look for its own operation and this one another process may have sent the same request.
#[tokio::test]
async fn no_request_is_refused_for_its_own_operation() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let item = Acceptance { unique: true, ..acceptance("first") };
    let op_id = item.op_id;
    assert_eq!(store.accept(vec![item.clone()]).await.unwrap(), [Admitted::Created { op_id }]);
    let mut connection = schema.connect().await;
    let there = Uuid::from_bytes(*op_id.as_bytes());
    assert_eq!(named(&mut connection, &item, "second").await, Some(there));
    assert_eq!(named(&mut connection, &item, "first").await, None);
}
