//! What provider keys are derived from: the same for an identity, whatever becomes of its operation.

use std::time::Duration;

use orch_core::store::{ClaimedOperation, Redriven};
use orch_core::words::{KeyNamespace, KeySource};

use crate::fixture::{World, acceptance, ended, fail, kept, ok, policy};

/// The source of the key, as a worker gets it.
fn source(claimed: &ClaimedOperation) -> KeySource {
    claimed.envelope.key_source()
}

async fn claimed(world: &World, key: &str) -> ClaimedOperation {
    world.accepted(key).await;
    world.claim_as(policy()).await
}

pub async fn a_claim_hands_out_the_seed_that_was_accepted(world: World) {
    let claimed = claimed(&world, "k").await;
    let seed = acceptance("k").key_seed;
    let op_id = claimed.envelope.op_id;
    let expected = KeySource { op_id, seed: Some(seed), redrive: 0, generation: 0 };
    assert_eq!(source(&claimed), expected);
    assert_eq!(world.operation(op_id).await.key_source(0), expected);
    assert_ne!(acceptance("other").key_seed, seed);
}

pub async fn an_identity_accepted_again_after_a_purge_has_the_same_key(world: World) {
    world.accepted("k").await;
    let first = world.claim_as(kept(Duration::ZERO, Duration::ZERO)).await;
    world.settle(ended(first.claim(), ok("paid"))).await;
    assert_eq!(world.purge().await, 1);
    let again = claimed(&world, "k").await;
    assert_ne!(again.envelope.op_id, first.envelope.op_id);
    assert_eq!(source(&again).bits(), source(&first).bits());
}

pub async fn a_redrive_has_another_key_of_the_same_seed(world: World) {
    let first = claimed(&world, "k").await;
    world.settle(ended(first.claim(), fail("CARD_DECLINED"))).await;
    let Redriven::Created { op_id } = world.redrive(first.envelope.op_id, false).await else {
        panic!("not redriven")
    };
    let second = world.claim_as(policy()).await;
    assert_eq!(second.envelope.op_id, op_id);
    assert_eq!(source(&second), KeySource { op_id, redrive: 1, ..source(&first) });
    assert_ne!(source(&second).bits(), source(&first).bits());
    assert_eq!(world.operation(op_id).await.key_source(0), source(&second));
}

pub async fn a_database_has_one_namespace_for_all_its_processes(world: World) {
    let other = world.reopened().await;
    let ours = world.store.key_namespace(None).await.unwrap();
    assert_eq!(world.store.key_namespace(None).await.unwrap(), ours);
    assert_eq!(other.store.key_namespace(None).await.unwrap(), ours);
    assert_ne!(ours, KeyNamespace::from_bytes([0; 32]));
}

pub async fn a_namespace_that_is_given_is_kept_and_is_the_newest(world: World) {
    let first = world.store.key_namespace(None).await.unwrap();
    let given = KeyNamespace::generate();
    for _ in 0..2 {
        assert_eq!(world.store.key_namespace(Some(given)).await.unwrap(), given);
    }
    let other = world.reopened().await;
    assert_eq!(other.store.key_namespace(None).await.unwrap(), given);
    assert_eq!(other.store.key_namespace(Some(first)).await.unwrap(), first);
    assert_eq!(world.store.key_namespace(None).await.unwrap(), given, "it was kept before");
}
