//! What providers tell later: kept whether or not its operation is known yet.

use std::collections::HashSet;
use std::sync::Arc;

use orch_core::policies::InDoubt;
use orch_core::store::{AnswerParams, MAX_ANSWERS, RecordParams, RecordedAnswer, UnmatchedParams};
use orch_core::words::{LogEntry, OpId, Phase, Source, Status};
use tokio::task::JoinSet;

use super::recorded::{
    DAYS, apply, apply_on, doubted, message, paid, record, refer, reference, status, unmatched,
};
use crate::fixture::{World, ok, other_kind};

pub async fn what_is_told_first_waits_for_its_reference(world: World) {
    assert_eq!(record(&world, "r", ok("paid")).await, RecordedAnswer::Kept);
    assert_eq!(apply(&world, Some("r"), &[]).await, []);
    assert_eq!(unmatched(&world).await.len(), 1);
    let claim = doubted(&world, InDoubt::Park).await;
    world.advance(1800);
    refer(&world, "r", claim.op_id).await;
    let swept = apply(&world, None, &[]).await;
    assert_eq!(swept.into_iter().map(|swept| swept.to).collect::<Vec<_>>(), [paid()]);
    assert_eq!(unmatched(&world).await, []);
}

pub async fn the_same_is_kept_once_whatever_its_source(world: World) {
    assert_eq!(record(&world, "r", ok("paid")).await, RecordedAnswer::Kept);
    let again = RecordParams { source: "file of Monday".to_owned(), ..message("r", ok("paid")) };
    assert_eq!(world.store.record(again).await.unwrap(), RecordedAnswer::Known);
    assert_eq!(record(&world, "r", ok("paid twice")).await, RecordedAnswer::Kept);
    assert_eq!(record(&world, "other", ok("paid")).await, RecordedAnswer::Kept);
    let claim = doubted(&world, InDoubt::Park).await;
    refer(&world, "r", claim.op_id).await;
    apply(&world, Some("r"), &[]).await;
    assert_eq!(record(&world, "r", ok("paid")).await, RecordedAnswer::Known);
    let told = |entry: &&LogEntry| entry.source == Source::Provider;
    assert_eq!(world.history(claim.op_id).await.iter().filter(told).count(), 2);
}

pub async fn what_is_meant_for_another_kind_waits_and_is_listed(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    refer(&world, "r", claim.op_id).await;
    let other = RecordParams { kind: other_kind(), ..message("r", ok("paid")) };
    assert_eq!(world.store.record(other).await.unwrap(), RecordedAnswer::Kept);
    assert_eq!(apply(&world, Some("r"), &[]).await, []);
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Parked));
    let listed = unmatched(&world).await;
    assert_eq!((listed.len(), &listed[0].kind), (1, &other_kind()));
}

pub async fn those_without_an_operation_are_listed_in_order(world: World) {
    for text in ["a", "b", "c"] {
        record(&world, text, ok("paid")).await;
        world.advance(1);
    }
    let all = unmatched(&world).await;
    let texts: Vec<_> = all.iter().map(|one| one.of.reference().to_owned()).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    assert!(all[0].received_at < all[1].received_at && all[0].source == "webhook evt_1");
    let params = UnmatchedParams { after: Some(all[0].number), limit: 1 };
    assert_eq!(world.store.unmatched(params).await.unwrap(), all[1..2]);
}

pub async fn without_an_operation_it_is_looked_at_less_and_less_often(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    record(&world, "r", ok("paid")).await;
    assert_eq!(apply(&world, None, &[]).await, []);
    // Its reference comes while it is put off: then it is due at once.
    world.advance(600);
    apply(&world, None, &[]).await;
    refer(&world, "r", claim.op_id).await;
    assert_eq!(apply(&world, None, &[]).await.len(), 1);
}

pub async fn a_reference_to_nothing_is_not_kept(world: World) {
    refer(&world, "r", OpId::generate()).await;
    record(&world, "r", ok("paid")).await;
    assert_eq!(apply(&world, Some("r"), &[]).await, []);
    assert_eq!(unmatched(&world).await.len(), 1);
}

pub async fn the_latest_operation_of_a_reference_is_told(world: World) {
    let first = world.failed("a").await;
    let second = world.running("b").await;
    refer(&world, "r", first).await;
    refer(&world, "r", second.op_id).await;
    refer(&world, "r", second.op_id).await;
    record(&world, "r", ok("paid")).await;
    assert_eq!(apply(&world, Some("r"), &[]).await[0].op_id, second.op_id);
    assert_eq!(status(&world, first).await, Status::Failed);
}

pub async fn a_reference_has_room_for_so_many(world: World) {
    for number in 0..MAX_ANSWERS {
        assert_eq!(record(&world, "r", ok(&number.to_string())).await, RecordedAnswer::Kept);
    }
    assert_eq!(record(&world, "r", ok("one more")).await, RecordedAnswer::Full);
    assert_eq!(record(&world, "r", ok("0")).await, RecordedAnswer::Known);
    assert_eq!(record(&world, "s", ok("0")).await, RecordedAnswer::Kept);
}

pub async fn what_was_told_is_kept_for_thirty_days(world: World) {
    record(&world, "r", ok("paid")).await;
    world.advance(29 * DAYS);
    world.purge().await;
    assert_eq!(unmatched(&world).await.len(), 1);
    world.advance(DAYS);
    world.purge().await;
    assert_eq!(unmatched(&world).await, []);
    assert_eq!(record(&world, "r", ok("paid")).await, RecordedAnswer::Kept);
}

pub async fn a_reference_goes_with_its_operation(world: World) {
    let op_id = world.failed("k").await;
    refer(&world, "r", op_id).await;
    world.advance(40 * DAYS);
    assert_eq!(world.purge().await, 1);
    record(&world, "r", ok("paid")).await;
    assert_eq!(apply(&world, Some("r"), &[]).await, []);
    assert_eq!(unmatched(&world).await.len(), 1);
}

pub async fn the_limit_holds(world: World) {
    for key in ["a", "b", "c"] {
        let claim = world.running(key).await;
        refer(&world, key, claim.op_id).await;
        record(&world, key, ok("paid")).await;
    }
    let params = || AnswerParams { of: None, hooked_kinds: Vec::new(), limit: 2 };
    assert_eq!(world.store.answer(params()).await.unwrap().len(), 2);
    assert_eq!(world.store.answer(params()).await.unwrap().len(), 1);
    let none = AnswerParams { limit: 0, ..params() };
    record(&world, "a", ok("paid again")).await;
    assert_eq!(world.store.answer(none).await.unwrap(), []);
}

/// Each side looks for the other behind its own commit, so one of them finds it.
pub async fn reference_and_message_at_once_find_each_other(world: World) {
    let mut claims = Vec::new();
    for number in 0..20 {
        claims.push(world.running(&number.to_string()).await);
    }
    let pairs: JoinSet<_> = claims
        .iter()
        .enumerate()
        .flat_map(|(number, claim)| {
            let (text, op_id) = (number.to_string(), claim.op_id);
            [true, false].map(|refers| {
                let (text, store) = (text.clone(), Arc::clone(&world.store));
                async move {
                    if refers {
                        store.refer(reference(&text), op_id).await.unwrap();
                    } else {
                        store.record(message(&text, ok("paid"))).await.unwrap();
                    }
                    apply_on(&*store, Some(&text), &[]).await.len()
                }
            })
        })
        .collect();
    let moved: usize = pairs.join_all().await.iter().sum();
    assert_eq!(moved, 20);
    let ids: HashSet<_> = claims.iter().map(|claim| claim.op_id).collect();
    for op_id in ids {
        assert_eq!(status(&world, op_id).await, Status::Completed);
    }
}
