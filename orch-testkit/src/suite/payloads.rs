//! What is stored comes back exactly, however large or odd.

use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{Acceptance, Finalized, Resolution};
use orch_core::words::{
    AttemptEnd, BizKey, Command, DEFAULT_PAYLOAD_LIMIT, Failure, FinalOutcome, Fingerprint,
    IdemKey, Outcome, Owner, Payload, storable,
};

use crate::fixture::{World, acceptance, ended, in_doubt, kind, output, policy, retry};

/// Texts that databases and drivers have stumbled over.
const ODD: [&str; 8] = [
    "it's; DROP TABLE orch_operation; --",
    "%s {} ${x} $1 ?1 :a @b",
    "카드가 거절되었습니다",
    "👩‍🚀 \u{202E}right to left",
    "\u{FEFF}bom \u{FFFF}\u{10FFFF}",
    "line\nbreak\ttab \"quote\" \\backslash",
    "  padded  ",
    "",
];

fn with_payload(key: &str, payload: Payload) -> Acceptance {
    let keys = (BizKey::new("ORDER-1").unwrap(), IdemKey::new(key).unwrap());
    let fingerprint = Fingerprint::of(&payload);
    let command = Command::of(kind(), keys.0, keys.1, payload);
    Acceptance { command, fingerprint, ..acceptance(key) }
}

/// Takes a payload through accept, claim, settle as output, and a conflict.
async fn round_trips(world: &World, bytes: Vec<u8>) {
    let payload = Payload::new(bytes);
    let op_id = world.accepted_as(with_payload("k", payload.clone())).await;
    assert_eq!(world.operation(op_id).await.payload, payload);
    let attempt = world.claim_as(policy()).await;
    assert_eq!(attempt.envelope.command.payload(), &payload);
    let end = AttemptEnd::Outcome(Outcome::Ok { output: payload.clone() });
    world.settle(ended(attempt.claim(), end.clone())).await;
    let outcome = world.operation(op_id).await.outcome;
    assert_eq!(outcome, Some(FinalOutcome::Ok(payload)));
    assert_eq!(world.history(op_id).await[0].end, end);
}

pub async fn nul_bytes(world: World) {
    round_trips(&world, b"\0before\0\0after\0".to_vec()).await;
}

pub async fn a_whole_mebibyte(world: World) {
    let bytes = (0..DEFAULT_PAYLOAD_LIMIT).map(|n| (n % 251) as u8).collect();
    round_trips(&world, bytes).await;
}

pub async fn nothing_at_all(world: World) {
    round_trips(&world, Vec::new()).await;
}

pub async fn bytes_that_are_not_utf_8(world: World) {
    round_trips(&world, (0..=255).collect()).await;
}

pub async fn a_lone_surrogate_in_json(world: World) {
    round_trips(&world, br#"{"name":"\ud800"}"#.to_vec()).await;
}

pub async fn odd_failure_texts(world: World) {
    for (n, text) in ODD.into_iter().enumerate() {
        let claim = world.running(&format!("key-{n}")).await;
        let failure = Failure::new(text, text).cause(Some(text)).uncertain(n % 2 == 0);
        let end = AttemptEnd::Outcome(Outcome::Fail(failure.clone()));
        world.settle(ended(claim, end)).await;
        assert_eq!(world.failure(claim.op_id).await, failure);
        assert_eq!(world.dead_letter(claim.op_id).await.failure, failure);
    }
}

pub async fn odd_reasons(world: World) {
    for (n, text) in ODD.into_iter().enumerate() {
        let claim = world.running(&format!("key-{n}")).await;
        let end = if n % 2 == 0 { retry(text) } else { in_doubt(text) };
        world.settle(ended(claim, end.clone())).await;
        assert_eq!(world.operation(claim.op_id).await.reason.as_deref(), Some(text));
        assert_eq!(world.history(claim.op_id).await[0].end, end);
    }
}

pub async fn a_retry_keeps_what_the_provider_asked_for(world: World) {
    let claim = world.running("k").await;
    let after = Some(std::time::Duration::from_millis(1_500));
    let end = AttemptEnd::Outcome(Outcome::Retry { reason: "429".into(), after });
    world.settle(ended(claim, end.clone())).await;
    assert_eq!(world.history(claim.op_id).await[0].end, end);
}

pub async fn a_megabyte_of_error_text_is_stored_cut(world: World) {
    let claim = world.running("k").await;
    let reason = storable(&"주\0".repeat(250_000));
    world.settle(ended(claim, retry(&reason))).await;
    assert_eq!(world.operation(claim.op_id).await.reason, Some(reason));
}

pub async fn odd_keys(world: World) {
    let longest = "주".repeat(255);
    let keys = ["it's", "100%", " padded ", "👩‍🚀", "Ä", "A\u{308}", longest.as_str()];
    for key in keys {
        let command = Command::new("PAYMENT", "CHARGE", key, key, "{}").unwrap();
        let fingerprint = Fingerprint::of(command.payload());
        let owner = Owner::new(key).unwrap();
        let item = Acceptance { owner, command, fingerprint, ..acceptance(key) };
        let identity = item.command.identity(&item.owner);
        world.accepted_as(item.clone()).await;
        let found = world.store.find(&identity).await.unwrap().unwrap();
        assert_eq!((found.op_id, found.identity), (item.op_id, identity));
    }
    assert_eq!(world.all().await.len(), keys.len());
}

pub async fn a_deep_kind_name(world: World) {
    let kind = orch_core::words::Kind::new(&"A".repeat(50), "B.C_1.D").unwrap();
    let keys = (BizKey::new("b").unwrap(), IdemKey::new("i").unwrap());
    let command = Command::of(kind.clone(), keys.0, keys.1, Payload::from("{}"));
    world.accepted_as(Acceptance { command, ..acceptance("k") }).await;
    let attempt = world.claim_as(orch_core::policies::KindPolicy::new(kind.clone())).await;
    assert_eq!(attempt.envelope.command.kind(), kind);
}

pub async fn a_result_that_cannot_be_read_back_is_parked_whatever_is_declared(world: World) {
    let end =
        AttemptEnd::Unreadable { output: b"{\"fee\":nu".as_slice().into(), reason: "NaN".into() };
    for (n, in_doubt) in InDoubt::ALL.into_iter().enumerate() {
        let declared = KindPolicy { in_doubt, replays_errors: true, ..policy() };
        let claim = world.running_as(&format!("key-{n}"), declared.clone()).await;
        // By the whole step, and by log and finalize.
        let answer = if n % 2 == 0 {
            world.settle(ended(claim, end.clone())).await
        } else {
            world.log(ended(claim, end.clone())).await;
            world.finalize(claim, None).await
        };
        assert_eq!(answer, Finalized::Parked);
        let operation = world.operation(claim.op_id).await;
        assert_eq!(operation.reason.as_deref(), Some("NaN"));
        assert_eq!(operation.lost_attempts, 1, "no later call may have another key");
        assert_eq!(world.history(claim.op_id).await[0].end, end);
        // An operator can end it.
        world.resolve(claim.op_id, Resolution::Ok(output("paid"))).await;
        let outcome = world.operation(claim.op_id).await.outcome;
        assert_eq!(outcome, Some(FinalOutcome::Ok(output("paid"))));
    }
}
