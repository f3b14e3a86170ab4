//! The key at the provider, through a whole runtime: after which end it stays, and after which
//! it changes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};

use orch::memory::MemoryStore;
use orch::prelude::*;
use orch::{
    Config, Keeps, KeyLifetime, OpId, Owner, Provider, ProviderKey, QueryError, Repeat, Stripe,
};

/// How the provider ends each call, the last one first, and the keys that it has seen.
#[derive(Debug, Default)]
struct Script {
    ends: Mutex<Vec<Answer>>,
    keys: Mutex<Vec<String>>,
}

impl Script {
    fn of(ends: &[Answer]) -> Arc<Self> {
        let ends = ends.iter().rev().copied().collect();
        Arc::new(Self { ends: Mutex::new(ends), ..Self::default() })
    }

    fn call<P: Provider>(&self, key: &ProviderKey<P>) -> Result<u32, Answer> {
        self.keys.lock().unwrap().push(key.to_string());
        self.ends.lock().unwrap().pop().map_or(Ok(7), Err)
    }
}

#[derive(Debug, Clone, Copy, thiserror::Error, Outcome)]
enum Answer {
    #[outcome(retry)]
    #[error("500")]
    Error,
    #[outcome(in_doubt)]
    #[error("none")]
    None,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Charge {
    #[command(idem_key)]
    id: u32,
}

#[orchestrated(
    domain = "PROVIDERS",
    event = "CHARGE",
    provider = Stripe,
    backoff(base = "1ms", cap = "1ms"),
    max_attempts = 10
)]
async fn charge(_cmd: Charge, ctx: Context<Stripe>, to: State<Arc<Script>>) -> Result<u32, Answer> {
    to.call(ctx.provider_key())
}

/// It keeps what has acted, and no errors.
enum Bank {}

impl Provider for Bank {
    const NAME: &'static str = "the bank";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Transfer {
    #[command(idem_key)]
    id: u32,
}

#[orchestrated(
    domain = "PROVIDERS",
    event = "TRANSFER",
    provider = Bank,
    backoff(base = "1ms", cap = "1ms"),
    max_attempts = 10
)]
async fn transfer(
    _cmd: Transfer,
    ctx: Context<Bank>,
    to: State<Arc<Script>>,
) -> Result<u32, Answer> {
    to.call(ctx.provider_key())
}

/// The generations of the keys that the provider has seen once `command` is done.
async fn generations<C, P: Provider>(command: C, ends: &[Answer]) -> Vec<u32>
where
    C: orch::HandledCommand<Output = u32, Key = orch::internals::handler::KeyInCommand>,
{
    let script = Script::of(ends);
    let runtime = Runtime::connect("memory:").state(Arc::clone(&script)).start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted = orchestrator.accept(command).await.unwrap();
    let waited = orchestrator.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    assert_eq!(waited, Waited::Ok(7));
    let operation = orchestrator.get(accepted.op_id).await.unwrap().unwrap();
    let of_the_desk = orchestrator.provider_keys::<P>(accepted.op_id).await.unwrap();
    let _ = runtime.shutdown().await;
    let keys = script.keys.lock().unwrap();
    assert!(keys.iter().all(|key| of_the_desk.contains(key)), "{of_the_desk:?}: {keys:?}");
    let generation = |key: &String| {
        (0..10).find(|&g| ProviderKey::<P>::text_of(operation.key_source(g)) == *key).unwrap()
    };
    keys.iter().map(generation).collect()
}

#[tokio::test]
async fn where_errors_are_replayed_a_definite_error_changes_the_key() {
    let ends = [Answer::Error, Answer::Error];
    assert_eq!(generations::<_, Stripe>(Charge { id: 1 }, &ends).await, [0, 1, 2]);
}

#[tokio::test]
async fn an_end_that_nobody_knows_keeps_the_key_also_past_a_later_error() {
    let ends = [Answer::Error, Answer::None, Answer::None, Answer::Error];
    assert_eq!(generations::<_, Stripe>(Charge { id: 1 }, &ends).await, [0, 1, 1, 1, 1]);
}

#[tokio::test]
async fn where_errors_are_not_replayed_the_key_stays() {
    let ends = [Answer::Error, Answer::None, Answer::Error];
    assert_eq!(generations::<_, Bank>(Transfer { id: 1 }, &ends).await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_person_is_told_every_key_that_was_sent_the_newest_first() {
    let script = Script::of(&[Answer::Error, Answer::Error]);
    let runtime = Runtime::connect("memory:").state(Arc::clone(&script)).start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted = orchestrator.accept(Charge { id: 1 }).await.unwrap();
    let first = orchestrator.provider_keys::<Stripe>(accepted.op_id).await.unwrap();
    orchestrator.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    let mut told = orchestrator.provider_keys::<Stripe>(accepted.op_id).await.unwrap();
    let stranger = orchestrator.owned_by(Owner::new("SHOP-2").unwrap());
    let refused = stranger.provider_keys::<Stripe>(accepted.op_id).await;
    let _ = runtime.shutdown().await;

    told.reverse();
    assert_eq!(told, *script.keys.lock().unwrap());
    assert_eq!((first.last(), told.len()), (told.first(), 3));
    assert!(matches!(refused, Err(QueryError::NotFound { .. })));
}

/// A charge whose key goes to a provider that honours keys.
async fn charged_on(store: MemoryStore, script: &Arc<Script>, id: u32, config: Config) -> OpId {
    let runtime = Runtime::on(store).config(config).state(Arc::clone(script));
    let runtime = runtime.start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted = orchestrator.accept(Charge { id }).await.unwrap();
    let waited = orchestrator.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    assert_eq!(waited, Waited::Ok(7));
    let _ = runtime.shutdown().await;
    accepted.op_id
}

fn given() -> Config {
    Config::default().key_namespace("c0ffee00".repeat(8).parse().unwrap())
}

#[tokio::test]
async fn a_request_repeated_after_the_database_was_lost_is_the_same_call() {
    let script = Script::of(&[]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(charged_on(MemoryStore::new(), &script, 1, given()).await);
    }
    assert_ne!(ids[0], ids[1], "another operation");
    let keys = script.keys.lock().unwrap();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]), "and the same key");
}

#[tokio::test]
async fn two_databases_and_two_identities_never_share_a_key() {
    let script = Script::of(&[]);
    charged_on(MemoryStore::new(), &script, 1, Config::default()).await;
    charged_on(MemoryStore::new(), &script, 1, Config::default()).await;
    let one = MemoryStore::new();
    charged_on(one.clone(), &script, 2, Config::default()).await;
    charged_on(one, &script, 3, given()).await;
    charged_on(MemoryStore::new(), &script, 1, given()).await;
    let mut keys = script.keys.lock().unwrap().clone();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5);
}
