//! A result that JSON cannot hold: the money has moved, so it is kept and a person is asked.

use std::collections::HashMap;
use std::convert::Infallible;

use orch::internals::words::AttemptEnd;
use orch::prelude::*;
use orch::{Orchestrator, Phase, Resolution};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Send {
    #[command(idem_key)]
    id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sent {
    wei: u128,
    fee: f64,
    by_pair: HashMap<(u8, u8), u8>,
}

#[orchestrated(domain = "RESULT", event = "SEND")]
async fn send(cmd: Send, _ctx: Context) -> Result<Sent, Infallible> {
    let sent = Sent { wei: u128::MAX, fee: 0.1 + 0.2, by_pair: HashMap::new() };
    Ok(match cmd.id.as_str() {
        "fee" => Sent { fee: f64::NAN, ..sent },
        "pair" => Sent { by_pair: HashMap::from([((1, 2), 3)]), ..sent },
        _ => sent,
    })
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Quote {
    #[command(idem_key)]
    id: String,
}

/// A result whose decoder has a mistake in it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Quoted {
    #[serde(deserialize_with = "careless")]
    price: u64,
}

fn careless<'de, D: serde::Deserializer<'de>>(decoder: D) -> Result<u64, D::Error> {
    Ok(10 / u64::deserialize(decoder)?)
}

#[orchestrated(domain = "RESULT", event = "QUOTE")]
async fn quote(_cmd: Quote, _ctx: Context) -> Result<Quoted, Infallible> {
    Ok(Quoted { price: 0 })
}

#[tokio::test]
async fn a_decoder_that_panics_is_no_doubt_about_the_call() {
    let (_runtime, desk) = started().await;
    let quoted = desk.accept(Quote { id: "q".into() }).await.unwrap();
    let look = async {
        loop {
            let operation = desk.get(quoted.op_id).await.unwrap().unwrap();
            if operation.phase == Some(Phase::Parked) {
                break operation;
            }
            tokio::task::yield_now().await;
        }
    };
    // In doubt it would be called again, as is declared.
    let parked = tokio::time::timeout(Duration::from_secs(20), look).await.unwrap();
    assert_eq!(parked.attempt, 1);
    assert!(parked.reason.unwrap().starts_with("the call has succeeded"));
}

async fn started() -> (Runtime, Orchestrator) {
    let runtime = Runtime::connect("memory:")
        .only([("RESULT", "SEND"), ("RESULT", "QUOTE")])
        .start()
        .await
        .unwrap();
    let desk = runtime.orchestrator().clone();
    (runtime, desk)
}

#[tokio::test]
async fn a_number_beyond_64_bits_comes_back_as_it_was() {
    let (_runtime, desk) = started().await;
    let sent = desk.accept(Send { id: "plain".into() }).await.unwrap();
    let Waited::Ok(back) = desk.wait(&sent, Duration::from_secs(20)).await.unwrap() else {
        panic!("not done")
    };
    assert_eq!(back, Sent { wei: u128::MAX, fee: 0.1 + 0.2, by_pair: HashMap::new() });
}

#[tokio::test]
async fn what_cannot_be_read_back_is_parked_with_what_is_left_of_it() {
    let (_runtime, desk) = started().await;
    for (id, left, why) in [
        (
            "fee",
            r#"{"wei":340282366920938463463374607431768211455,"fee":null,"by_pair":{}}"#,
            "`fee`",
        ),
        (
            "pair",
            r#"{"wei":340282366920938463463374607431768211455,"fee":0.30000000000000004,"by_pair":{"#,
            "key must be a string",
        ),
    ] {
        let sent = desk.accept(Send { id: id.into() }).await.unwrap();
        let parked = loop {
            let operation = desk.get(sent.op_id).await.unwrap().unwrap();
            if operation.phase == Some(Phase::Parked) {
                break operation;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let reason = parked.reason.unwrap();
        assert!(reason.starts_with("the call has succeeded") && reason.contains(why), "{reason}");
        let history = desk.history(sent.op_id).await.unwrap();
        let AttemptEnd::Unreadable { output, .. } = &history[0].entry.end else {
            panic!("{history:?}")
        };
        assert_eq!(std::str::from_utf8(output.as_bytes()).unwrap(), left);
        // Nobody has called again meanwhile, and a person can end it.
        assert_eq!(parked.attempt, 1);
        let right = Sent { wei: 1, fee: 0.5, by_pair: HashMap::new() };
        desk.resolve(sent.op_id, Resolution::ok(&right).unwrap(), "ann", "asked").await.unwrap();
        let waited = desk.wait(&sent, Duration::from_secs(20)).await.unwrap();
        assert_eq!(waited, Waited::Ok(right));
    }
}
