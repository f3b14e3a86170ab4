//! Many calls at once through one client, to a provider that does anything: what is promised holds of
//! each of them.

use std::collections::BTreeMap;

use orch::http::answer;
use orch_testkit::{KEY_HEADER, SocketAnswer, SocketProvider, SocketStep};
use reqwest::ClientBuilder;
use tokio::task::JoinSet;

use crate::rows::name;
use crate::world::{Receipt, acted, ours};

const RECEIPT: &str = r#"{"receipt":1}"#;

fn any_step(random: &mut fastrand::Rng) -> SocketStep {
    match random.u8(0..16) {
        0 => SocketStep::HangUp,
        1 => SocketStep::Reset,
        2 => SocketStep::RefuseStream,
        3 => SocketStep::ResetStream,
        4 => SocketStep::GoAwayBelow,
        5 => SocketStep::GoAway,
        6 => SocketStep::HangUpUnread,
        7 => SocketStep::NoHttp,
        8 => SocketAnswer::new(503).header("retry-after", "1").into(),
        9 => SocketAnswer::new(404).into(),
        10 => acted(200).body(RECEIPT).cut(6).into(),
        11 => acted(200).body(RECEIPT).without_length().cut(6).into(),
        // Whole, and the connection closes after it without a word.
        12 => acted(200).body(RECEIPT).cut(RECEIPT.len()).into(),
        _ => SocketStep::Charge,
    }
}

/// So many calls, as many of them at once, each with a key of its own. How they ended.
async fn calls(
    client: ClientBuilder,
    count: usize,
    at_once: usize,
    seed: u64,
) -> BTreeMap<&'static str, usize> {
    let mut random = fastrand::Rng::with_seed(seed);
    let script: Vec<_> = (0..count).map(|_| any_step(&mut random)).collect();
    let provider = SocketProvider::start(script).await;
    let client = client.build().unwrap();
    let (mut running, mut ends) = (JoinSet::new(), Vec::new());
    for call in 0..count {
        if running.len() == at_once {
            ends.push(running.join_next().await.unwrap().unwrap());
        }
        let key = format!("key-{call}");
        let request = client.post(provider.url("/")).header(KEY_HEADER, &key).body("{}");
        running.spawn(async move {
            let result = match request.send().await {
                Ok(response) => answer::<Receipt>(response).await,
                Err(error) => Err(error.into()),
            };
            (key, result)
        });
    }
    ends.extend(running.join_all().await);

    let mut named = BTreeMap::new();
    for (key, result) in ends {
        let (arrivals, acts) = (provider.arrivals_of(&key), provider.acts_of(&key));
        let ending = name(&result);
        assert!(arrivals <= 1, "seed {seed}: {arrivals} arrivals of {key}: {result:?}");
        match ending {
            "retry" | "fail" => assert_eq!(acts, 0, "seed {seed}: {key} acted: {result:?}"),
            "done" => assert_eq!(acts, 1, "seed {seed}: {key} did not act: {result:?}"),
            _ => {}
        }
        *named.entry(ending).or_default() += 1;
    }
    named
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn none_arrives_twice_and_none_that_acted_is_called_unsent() {
    let mut all = BTreeMap::new();
    for seed in 0..8 {
        for at_once in [1, 2, 16] {
            for client in [ours(), ours().http2_prior_knowledge()] {
                for (ending, count) in calls(client, 40, at_once, seed).await {
                    *all.entry(ending).or_insert(0) += count;
                }
            }
        }
    }
    for ending in ["done", "fail", "in doubt", "retry"] {
        assert!(all.get(ending).is_some_and(|count| *count > 40), "{all:?}");
    }
}
