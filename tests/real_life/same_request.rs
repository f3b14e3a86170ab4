//! The same request stays the same when a deploy changes how it is written.

use std::collections::{HashMap, HashSet};

use orch::internals::handler::{HandledCommand, KeyFromCaller, TypedCommand};
use orch::prelude::*;
use orch::{AcceptError, Disposition, Orchestrator};

/// The command as three deploys have it, all of one kind.
mod v1 {
    use super::*;

    #[derive(Serialize, Deserialize, Command)]
    #[command(biz_key = "ORDER-{order}", domain = "SAME", event = "CHARGE", output = u64)]
    pub(super) struct Charge {
        pub(super) order: u64,
        pub(super) amount: f64,
    }
}

mod v2 {
    use super::*;

    #[derive(Serialize, Deserialize, Command)]
    #[command(biz_key = "ORDER-{order}", domain = "SAME", event = "CHARGE", output = u64)]
    pub(super) struct Charge {
        pub(super) order: u64,
        pub(super) amount: f64,
        pub(super) coupon: Option<String>,
        #[serde(default)]
        pub(super) parts: Parts,
        #[serde(default = "one")]
        pub(super) instalments: u32,
    }

    #[derive(Default, Serialize, Deserialize)]
    pub(super) struct Parts {
        pub(super) note: Option<String>,
    }

    pub(super) fn one() -> u32 {
        1
    }
}

#[derive(Clone, Serialize, Deserialize, Command)]
#[command(biz_key = "{id}", domain = "SAME", event = "TAG", output = u64)]
struct Tag {
    id: u64,
    tags: HashSet<String>,
    #[command(set)]
    lines: Vec<u32>,
    words: Vec<u32>,
    by_name: HashMap<String, Option<u32>>,
}

async fn memory() -> (Runtime, Orchestrator) {
    let runtime = Runtime::connect("memory:").without_worker().start().await.unwrap();
    let orchestrator = runtime.orchestrator().clone();
    (runtime, orchestrator)
}

fn charge() -> v2::Charge {
    let parts = v2::Parts::default();
    v2::Charge { order: 1, amount: 5.0, coupon: None, parts, instalments: 1 }
}

/// What a repetition is told: `None` for a replay, else the fields that differ; none of them where
/// the versions cannot be compared.
async fn repeated<C>(desk: &Orchestrator, command: C) -> Option<Vec<String>>
where
    C: HandledCommand + TypedCommand<Key = KeyFromCaller>,
{
    match desk.accept(command).idem_key("k").unwrap().await {
        Ok(accepted) => {
            assert_eq!(accepted.disposition, Disposition::Replayed);
            None
        }
        Err(AcceptError::Conflict { fields, .. }) => Some(fields),
        Err(AcceptError::OtherVersion { .. }) => Some(Vec::new()),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_field_that_came_later_and_says_nothing_changes_nothing() {
    let (_runtime, desk) = memory().await;
    desk.accept(v1::Charge { order: 1, amount: 5.0 }).idem_key("k").unwrap().await.unwrap();
    assert_eq!(repeated(&desk, charge()).await, None);
    let coupon = v2::Charge { coupon: Some("SPRING".into()), ..charge() };
    assert_eq!(repeated(&desk, coupon).await.unwrap(), ["coupon"]);
    let often = v2::Charge { instalments: 3, ..charge() };
    assert_eq!(repeated(&desk, often).await.unwrap(), ["instalments"]);
}

mod renamed {
    use super::*;

    #[derive(Serialize, Deserialize, Command)]
    #[command(biz_key = "ORDER-{order}", domain = "SAME", event = "CHARGE", output = u64)]
    pub(super) struct Charge {
        pub(super) order: u64,
        #[serde(alias = "amount")]
        pub(super) total: f64,
    }
}

#[tokio::test]
async fn a_new_name_for_a_field_is_refused_since_it_may_be_a_field_that_is_lost() {
    let (_runtime, desk) = memory().await;
    desk.accept(v1::Charge { order: 1, amount: 5.0 }).idem_key("k").unwrap().await.unwrap();
    let renamed = renamed::Charge { order: 1, total: 5.0 };
    let error = desk.accept(renamed).idem_key("k").unwrap().await.unwrap_err();
    assert!(matches!(error, AcceptError::OtherVersion { .. }), "{error}");
    assert!(error.to_string().contains("`amount` is lost"), "{error}");
}

#[tokio::test]
async fn an_earlier_version_refuses_what_says_more_than_it_knows() {
    let (_runtime, desk) = memory().await;
    desk.accept(charge()).idem_key("k").unwrap().await.unwrap();
    // "instalments": 1 is more than the version before can say, so it cannot tell that it is nothing.
    for amount in [5.0, 6.0] {
        let asking = desk.accept(v1::Charge { order: 1, amount }).idem_key("k").unwrap();
        let error = asking.await.unwrap_err();
        assert!(matches!(error, AcceptError::OtherVersion { .. }), "{error}");
        assert!(error.to_string().contains("does not have the field"), "{error}");
    }
}

#[tokio::test]
async fn a_null_of_a_later_version_says_nothing_to_the_version_before() {
    let (_runtime, desk) = memory().await;
    let body = r#"{"order":1,"amount":5,"coupon":null}"#;
    let command = orch::Command::new("SAME", "CHARGE", "ORDER-1", "k", body).unwrap();
    desk.start(command, Duration::from_secs(60)).await.unwrap();
    assert_eq!(repeated(&desk, v1::Charge { order: 1, amount: 5.0 }).await, None);
    assert!(repeated(&desk, v1::Charge { order: 1, amount: 5.5 }).await.is_some());
}

#[tokio::test]
async fn the_spelling_of_a_number_says_nothing_and_its_last_digit_does() {
    let (_runtime, desk) = memory().await;
    let start = |body: &'static str, key: &'static str| {
        let command = orch::Command::new("SAME", "NUMBER", key, key, body).unwrap();
        let desk = desk.clone();
        async move { desk.start(command, Duration::from_secs(60)).await }
    };
    let first = start(r#"{"amount":1.50e2,"id":9007199254740993}"#, "a").await.unwrap();
    let again = start(r#"{ "id": 9007199254740993.0, "amount": 150 }"#, "a").await.unwrap();
    assert_eq!(first, again);
    let other = start(r#"{"amount":150,"id":9007199254740992}"#, "a").await.unwrap_err();
    assert!(other.to_string().contains("differs in id;"), "{other}");
}

#[tokio::test]
async fn the_order_of_a_set_says_nothing_and_that_of_a_list_does() {
    let (_runtime, desk) = memory().await;
    let words: Vec<String> = (0..40).map(|n| format!("tag-{n}")).collect();
    let tag = || Tag {
        id: 1,
        tags: words.iter().cloned().collect(),
        lines: vec![1, 2, 2],
        words: vec![1, 2],
        by_name: words.iter().cloned().map(|word| (word, None)).collect(),
    };
    desk.accept(tag()).idem_key("k").unwrap().await.unwrap();
    for _ in 0..5 {
        assert_eq!(repeated(&desk, Tag { lines: vec![2, 1, 2], ..tag() }).await, None);
    }
    let differs = |tag: Tag| repeated(&desk, tag);
    assert_eq!(differs(Tag { lines: vec![1, 2], ..tag() }).await.unwrap(), ["lines"]);
    assert_eq!(differs(Tag { words: vec![2, 1], ..tag() }).await.unwrap(), ["words"]);
    assert_eq!(differs(Tag { tags: HashSet::new(), ..tag() }).await.unwrap(), ["tags"]);
    let by_name = HashMap::new();
    assert_eq!(differs(Tag { by_name, ..tag() }).await.unwrap(), ["by_name"]);
}
