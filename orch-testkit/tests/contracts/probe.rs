use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use orch_core::provider::catalogue::{CheckoutCom, Qonto, Square, Stripe};
use orch_core::provider::{AnyProvider, KeyForm, Provider, Unkeyed};
use orch_testkit::Verdict::{Agrees, Differs, Unseen};
use orch_testkit::{
    Answered, Probe, ProbeBody, ProbeReport, Promise, Reply, ScriptedProvider, Step, Verdict,
    contract_probe,
};

use crate::contracts::{Acts, Effects, Everything, Quiet, Refuses, Successes};

const SECOND: Duration = Duration::from_secs(1);

/// The client of a sandbox that has a body for everything: what it does is what `Q` says.
async fn probed<P: Provider, Q: Provider>() -> ProbeReport {
    probe_of::<P>(&ScriptedProvider::of::<Q>()).await
}

async fn probe_of<P: Provider>(sandbox: &ScriptedProvider) -> ProbeReport {
    let slow = AtomicUsize::new(0);
    let report = contract_probe::<P>(async |Probe { key, body, .. }: Probe| {
        let payload: &[u8] = if body == ProbeBody::Other { b"6 EUR" } else { b"5 EUR" };
        match body {
            ProbeBody::Failing => sandbox.then(Step::Decline),
            ProbeBody::FailingBehindTheAct => sandbox.then(Step::ChargeAndError(502)),
            ProbeBody::Slow if slow.fetch_add(1, Ordering::SeqCst) == 0 => {
                sandbox.then(Step::ChargeSlowly(SECOND));
            }
            _ => {}
        }
        let answered = sandbox.answer(&key, payload).await;
        if body == ProbeBody::Slow {
            sandbox.advance(SECOND);
        }
        Some(match (body, sandbox.happened(&key)) {
            (ProbeBody::FailingBehindTheAct, Some(Reply::Charged { receipt })) => {
                answered.with_receipt(receipt.to_string())
            }
            _ => answered,
        })
    });
    report.await
}

/// In the order in which they are made; the lifetime is never seen.
fn verdicts(report: &ProbeReport) -> [Verdict; 5] {
    let all: Vec<_> = report.findings().iter().map(|finding| finding.verdict).collect();
    let (lifetime, rest) = all.split_last().unwrap();
    assert_eq!(*lifetime, Unseen);
    rest.try_into().unwrap()
}

fn remedy(report: &ProbeReport, promise: Promise) -> &str {
    let finding = report.findings().iter().find(|finding| finding.promise == promise);
    finding.unwrap().remedy.as_deref().unwrap()
}

#[tokio::test]
async fn a_provider_that_does_what_its_contract_says_agrees() {
    for report in [
        probed::<Everything, Everything>().await,
        probed::<Effects, Effects>().await,
        probed::<Successes, Successes>().await,
        probed::<Refuses, Refuses>().await,
        probed::<Acts, Acts>().await,
        probed::<Quiet, Quiet>().await,
        probed::<AnyProvider, AnyProvider>().await,
        probed::<Unkeyed, Unkeyed>().await,
        probed::<Stripe, Stripe>().await,
        probed::<CheckoutCom, CheckoutCom>().await,
        probed::<Qonto, Qonto>().await,
        probed::<Square, Square>().await,
    ] {
        assert_eq!(verdicts(&report), [Agrees; 5], "{report}");
        report.assert_agrees();
    }
}

#[tokio::test]
async fn one_that_keeps_successes_only_is_told_from_one_that_keeps_effects() {
    let report = probed::<Effects, Successes>().await;
    assert_eq!(verdicts(&report), [Agrees, Agrees, Agrees, Differs, Agrees], "{report}");
    assert!(remedy(&report, Promise::BehindTheAct).contains("Keeps::Successes"), "{report}");
}

#[tokio::test]
async fn one_that_acts_again_is_told_from_every_other() {
    for report in [probed::<Quiet, Acts>().await, probed::<Refuses, Acts>().await] {
        let [repeated, other, _, behind, in_flight] = verdicts(&report);
        assert_eq!([repeated, other, behind, in_flight], [Differs; 4], "{report}");
        assert!(remedy(&report, Promise::RepeatedKey).contains("acts again"), "{report}");
    }
}

#[tokio::test]
async fn errors_that_are_kept_or_not_are_told() {
    let report = probed::<Everything, Effects>().await;
    assert_eq!(verdicts(&report), [Agrees, Agrees, Differs, Agrees, Agrees], "{report}");
    assert!(remedy(&report, Promise::AfterError).contains("Keeps::Effects"), "{report}");
    let report = probed::<Successes, Everything>().await;
    assert_eq!(verdicts(&report)[2], Differs, "{report}");
    assert!(remedy(&report, Promise::AfterError).contains("Keeps::Everything"), "{report}");
}

#[tokio::test]
async fn one_that_refuses_is_told_from_one_that_answers() {
    let report = probed::<Quiet, Refuses>().await;
    assert_eq!(verdicts(&report), [Differs, Agrees, Unseen, Differs, Agrees], "{report}");
    assert!(remedy(&report, Promise::BehindTheAct).contains("Repeat::Refuses"), "{report}");
    assert!(remedy(&report, Promise::RepeatedKey).contains("Repeat::Refuses"), "{report}");
}

/// A provider that does more than the contract relies on is no danger.
#[tokio::test]
async fn a_contract_that_is_more_careful_agrees() {
    for report in [probed::<Acts, Quiet>().await, probed::<CheckoutCom, Quiet>().await] {
        assert_eq!(verdicts(&report), [Agrees; 5], "{report}");
        assert!(report.to_string().contains("more than the contract relies on"), "{report}");
    }
}

#[tokio::test]
async fn a_word_that_the_contract_lacks_or_has_wrongly_is_told() {
    // Its words are 400 `reused` and 409 `in_use`, and the contract has none: 400 reads as an end.
    let report = probed::<Quiet, Effects>().await;
    assert_eq!(verdicts(&report), [Agrees, Differs, Agrees, Agrees, Agrees], "{report}");
    assert!(remedy(&report, Promise::OtherBody).contains("Says::OtherBody"), "{report}");
    // The contract has words that the provider never says.
    let report = probed::<Effects, Quiet>().await;
    assert_eq!(verdicts(&report), [Agrees, Differs, Agrees, Agrees, Differs], "{report}");
    assert!(remedy(&report, Promise::InFlight).contains("Says::StillRunning"), "{report}");
}

#[tokio::test]
async fn what_the_client_cannot_send_or_tell_is_not_seen() {
    let report = contract_probe::<Effects>(async |_| None).await;
    assert_eq!(verdicts(&report), [Unseen; 5], "{report}");
    let report = contract_probe::<Effects>(async |_| Some(Answered::new(401))).await;
    let [repeated, other, _, behind, in_flight] = verdicts(&report);
    assert_eq!([repeated, other, behind, in_flight], [Unseen; 4], "{report}");
    let report = contract_probe::<Effects>(async |_| Some(Answered::new(200))).await;
    assert_eq!(verdicts(&report), [Unseen; 5], "{report}");
    report.assert_agrees();
}

/// It counts its keys by their first half, say: two calls at once are two charges.
#[tokio::test]
async fn two_calls_at_once_that_both_act_are_told() {
    let sandbox = ScriptedProvider::of::<Quiet>();
    let report = contract_probe::<Quiet>(async |Probe { key, body, .. }: Probe| {
        if body == ProbeBody::Slow {
            sandbox.then(Step::ForgetAndCharge);
        }
        Some(sandbox.answer(&key, b"5 EUR").await)
    });
    let report = report.await;
    assert_eq!(verdicts(&report)[4], Differs, "{report}");
}

enum Short {}

impl Provider for Short {
    const NAME: &'static str = "short";
    const KEY_FORM: KeyForm = KeyForm::up_to(22);
}

#[tokio::test]
async fn each_check_has_a_key_of_its_own_in_the_form_of_the_contract() {
    let sandbox = ScriptedProvider::of::<Short>();
    probe_of::<Short>(&sandbox).await;
    let mut keys: Vec<String> = sandbox.calls().into_iter().map(|call| call.key).collect();
    assert_eq!(keys.len(), 10);
    assert!(keys.iter().all(|key| key.len() <= 22), "{keys:?}");
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

#[tokio::test]
#[should_panic(expected = "DIFFERS  behind an error after the act: acted again, 502 (effect 5)")]
async fn a_contract_that_is_wrong_fails_the_test() {
    probed::<Effects, Successes>().await.assert_agrees();
}
