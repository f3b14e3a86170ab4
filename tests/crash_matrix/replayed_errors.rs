//! A provider that replays errors: a definite error takes a new key, a doubt never does.

use std::sync::Arc;

use orch::Stripe;
use orch::prelude::*;
use orch_testkit::{Boundary, Reply, Report, ScriptedProvider, Step, crash_matrix};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
#[error("busy")]
struct Busy;

#[orchestrated(
    domain = "PROVIDER",
    event = "STRIPE",
    provider = Stripe,
    attempt_timeout = "100ms"
)]
async fn charge(
    _: Charge,
    ctx: Context<Stripe>,
    provider: State<Arc<ScriptedProvider>>,
) -> Result<u64, Busy> {
    match provider.call(ctx.provider_key().as_str(), b"5 EUR").await {
        Reply::Charged { receipt } => Ok(receipt),
        _ => Err(Busy),
    }
}

async fn run(script: &'static [Step], boundaries: impl IntoIterator<Item = Boundary>) -> Report {
    crash_matrix(charge, Charge { order_id: 1 })
        .against(|| ScriptedProvider::new(script.iter().copied()))
        .state(Arc::clone)
        .killed_at(boundaries)
        .run()
        .await
}

/// Which key each call had, counted from 0 in the order of their first use. No process dies.
async fn keys(script: &'static [Step]) -> Vec<usize> {
    let report = run(script, []).await;
    report.assert_safe();
    let cell = &report.cells()[0];
    assert_eq!((cell.end().as_str(), cell.effects), ("COMPLETED", 1));
    let first = |key| cell.keys.iter().position(|other| other == key).unwrap();
    let mut firsts: Vec<usize> = cell.keys.iter().map(first).collect();
    let mut distinct = firsts.clone();
    distinct.dedup();
    for place in &mut firsts {
        *place = distinct.iter().position(|other| other == place).unwrap();
    }
    firsts
}

#[tokio::test]
async fn a_definite_error_takes_a_new_key() {
    assert_eq!(keys(&[Step::Unavailable, Step::Unavailable]).await, [0, 1, 2]);
}

#[tokio::test]
async fn a_doubt_keeps_the_key() {
    assert_eq!(keys(&[Step::ChargeAndNeverAnswer]).await, [0, 0]);
}

#[tokio::test]
async fn an_error_while_doubt_stands_keeps_the_key() {
    assert_eq!(keys(&[Step::ChargeAndNeverAnswer, Step::Unavailable]).await, [0, 0, 0]);
}

#[tokio::test]
async fn a_doubt_behind_an_error_keeps_the_key_of_its_own_attempt() {
    assert_eq!(keys(&[Step::Unavailable, Step::ChargeAndNeverAnswer]).await, [0, 1, 1]);
}

#[tokio::test]
async fn whatever_crashes_behind_an_error_the_customer_is_charged_once() {
    run(&[Step::Unavailable], Boundary::ALL).await.assert_safe();
    run(&[], Boundary::ALL).await.assert_safe();
}
