use orch_testkit::{ScriptedProvider, crash_matrix};

use crate::payment::{Charge, Gateway, charge};

/// The process dies at every boundary in turn. Each time the customer is charged once.
#[tokio::test]
async fn whatever_crashes_the_customer_is_charged_once() {
    crash_matrix(charge, Charge { order_id: 123, amount: 50_000 })
        .against(ScriptedProvider::default)
        .state(|provider| Gateway(provider.clone()))
        .run()
        .await
        .assert_safe();
}
