//! Many calls at once over one channel, to a provider that does anything: what is promised holds of
//! each of them.

use std::collections::BTreeMap;

use orch_testkit::{SocketAnswer, SocketProvider, SocketStep};
use tokio::task::JoinSet;

use crate::rows::name;
use crate::world::{charged, client, head, ours, receipt, request, send};

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
        8 => head().header("grpc-status", "8").header("grpc-retry-pushback-ms", "7").into(),
        9 | 13 => head().header("grpc-status", "5").into(),
        10 => charged().cut(6).into(),
        11 => head().acting().body(receipt()).into(),
        12 => SocketAnswer::new(503).acting().into(),
        _ => charged().into(),
    }
}

/// So many calls, as many of them at once, each with its own key. How they ended.
async fn calls(count: usize, at_once: usize, seed: u64) -> BTreeMap<&'static str, usize> {
    let mut random = fastrand::Rng::with_seed(seed);
    let script: Vec<_> = (0..count).map(|_| any_step(&mut random)).collect();
    let provider =
        SocketProvider::start(script.into_iter().chain(vec![charged().into(); count])).await;
    let client = client(&ours(&provider.url("")));
    let (mut running, mut ends) = (JoinSet::new(), Vec::new());
    for call in 0..count {
        if running.len() == at_once {
            ends.push(running.join_next().await.unwrap().unwrap());
        }
        let (client, key) = (client.clone(), format!("key-{call}"));
        running.spawn(async move {
            let result = send(client, request(&key)).await;
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
    for seed in seeds() {
        for at_once in [1, 2, 16] {
            for (ending, count) in calls(40, at_once, seed).await {
                *all.entry(ending).or_insert(0) += count;
            }
        }
    }
    for ending in ["done", "fail", "in doubt", "retry"] {
        assert!(all.get(ending).is_some_and(|count| *count > 40), "{all:?}");
    }
}

/// More of them for a long run: `ORCH_SEEDS=100..220`.
fn seeds() -> std::ops::Range<u64> {
    let given = std::env::var("ORCH_SEEDS").ok();
    let given = given.as_deref().and_then(|seeds| seeds.split_once(".."));
    given.map_or(0..8, |(first, end)| first.parse().unwrap()..end.parse().unwrap())
}
