//! Bad input, and what it gets: one test for each row of the table in the design.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

use orch::memory::MemoryStore;
use orch::prelude::*;
use orch::{AcceptError, Invalid, ListParams, Listed, Orchestrator, Owner, Phase};
use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "{entity}")]
struct Echo {
    entity: String,
    #[command(idem_key)]
    key: String,
    text: String,
    ending: Ending,
}

#[derive(Debug, Serialize, Deserialize, Clone, Copy, PartialEq)]
enum Ending {
    Ok,
    Fail,
    Panic,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum EchoError {
    #[outcome(fail, code = "REFUSED")]
    #[error("refused: {0}")]
    Refused(String),
}

#[orchestrated(domain = "TEST", event = "ECHO", max_attempts = 1)]
async fn echo(cmd: Echo) -> Result<String, EchoError> {
    match cmd.ending {
        Ending::Ok => Ok(cmd.text),
        Ending::Fail => Err(EchoError::Refused(cmd.text)),
        Ending::Panic => panic!("{}", cmd.text),
    }
}

fn command(entity: &str, key: &str, text: &str, ending: Ending) -> Echo {
    Echo { entity: entity.into(), key: key.into(), text: text.into(), ending }
}

struct World {
    runtime: Runtime,
    _folder: tempfile::TempDir,
    url: String,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let runtime = Runtime::connect(&url).config(quick()).start().await.unwrap();
        Self { runtime, _folder: folder, url }
    }

    fn orchestrator(&self) -> &Orchestrator {
        self.runtime.orchestrator()
    }

    async fn waited(&self, command: Echo) -> Waited<String> {
        let accepted = self.orchestrator().accept(command).await.unwrap();
        self.orchestrator().wait(&accepted, Duration::from_secs(20)).await.unwrap()
    }

    async fn stored(&self) -> usize {
        self.orchestrator().list(ListParams::default()).await.unwrap().items.len()
    }

    async fn sql(&self, statement: &'static str) {
        let options: SqliteConnectOptions = self.url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
}

fn quick() -> Config {
    Config::default().poll_every(Duration::from_millis(20))
}

#[tokio::test]
async fn blank_over_long_and_ill_formed_words_are_refused_and_nothing_is_stored() {
    let world = World::new().await;
    let long = "x".repeat(256);
    for (entity, key, said) in [
        (" ", "k", "biz_key is blank"),
        ("e", "", "idem_key is blank"),
        (&long, "k", "biz_key has 256 characters; the limit is 255"),
        ("e", &long, "idem_key has 256 characters; the limit is 255"),
        ("e\0", "k", "biz_key (2 characters) is ill-formed"),
        ("e", "k\u{1b}", "idem_key (2 characters) is ill-formed"),
    ] {
        let refused = world.orchestrator().accept(command(entity, key, "", Ending::Ok)).await;
        let text = refused.unwrap_err().to_string();
        assert!(text.starts_with(said), "{text}");
    }
    for (domain, event) in [("test", "ECHO"), ("TEST", "E-CHO"), ("", "ECHO")] {
        assert!(Command::new(domain, event, "b", "k", "{}").is_err());
    }
    assert_eq!(world.stored().await, 0);
}

#[tokio::test]
async fn keys_that_are_too_long_together_are_refused_on_every_store() {
    let world = World::new().await;
    let long = "\u{1F680}".repeat(255);
    let tenant = world.orchestrator().owned_by(Owner::new(long.as_str()).unwrap());
    let error = tenant.accept(command(&long, &long, "", Ending::Ok)).await.unwrap_err();
    let AcceptError::Invalid(Invalid::IdentityTooLong { size, limit }) = error else {
        panic!("{error}")
    };
    assert_eq!((size, limit), (3 * 1020 + "TESTECHO".len(), 2500));
    assert_eq!(world.stored().await, 0);
    world.orchestrator().accept(command(&long, &long, "", Ending::Ok)).await.unwrap();
}

#[tokio::test]
async fn a_payload_over_the_limit_is_refused_by_size() {
    let world = World::new().await;
    let large = command("e", "k", &"x".repeat(1024 * 1024), Ending::Ok);
    let error = world.orchestrator().accept(large).await.unwrap_err();
    let AcceptError::Invalid(Invalid::PayloadTooLarge { size, limit }) = error else {
        panic!("{error}")
    };
    assert!(size > limit && limit == 1024 * 1024);
    assert_eq!(world.stored().await, 0);
}

#[tokio::test]
async fn odd_texts_round_trip_in_payloads_and_outputs() {
    let world = World::new().await;
    let odd = ["\0", "a\0b", "\u{FFFD}\u{FFFF}", "👩‍🚀", "\u{202e}", "'; --"];
    for (n, text) in odd.iter().enumerate() {
        let waited = world.waited(command("e", &format!("k{n}"), text, Ending::Ok)).await;
        assert_eq!(waited, Waited::Ok((*text).to_owned()));
    }
}

#[tokio::test]
async fn odd_texts_in_errors_and_panics_are_stored() {
    let world = World::new().await;
    let waited = world.waited(command("e", "k1", "a\0b", Ending::Fail)).await;
    let Waited::Failed(failure) = waited else { panic!("{waited:?}") };
    assert_eq!(failure.message, "refused: a\\0b");
    let waited = world.waited(command("e", "k2", "a\0b", Ending::Panic)).await;
    let Waited::Failed(failure) = waited else { panic!("{waited:?}") };
    assert!(failure.cause.unwrap().ends_with("a\\0b"));
}

#[tokio::test]
async fn lone_surrogates_in_an_untyped_body_let_the_operation_wait_with_its_reason() {
    let world = World::new().await;
    let body = r#"{"entity":"e","key":"k","text":"\ud800","ending":"Ok"}"#;
    let command = Command::new("TEST", "ECHO", "e", "k", body).unwrap();
    let orchestrator = world.orchestrator();
    let op_id = orchestrator.start(command, Duration::from_secs(60)).await.unwrap();
    let given_back = loop {
        let operation = orchestrator.get(op_id).await.unwrap().unwrap();
        if operation.phase == Some(Phase::Waiting) {
            break operation;
        }
        assert!(!operation.status.is_terminal());
        tokio::task::yield_now().await;
    };
    assert_eq!(given_back.attempt, 0);
    assert!(given_back.reason.unwrap().contains("cannot be decoded"));
    assert_eq!(given_back.payload.as_bytes(), body.as_bytes(), "and nothing is lost");
}

#[tokio::test]
async fn the_same_key_with_another_body_names_the_fields_and_no_values() {
    let world = World::new().await;
    let accept = |text| world.orchestrator().accept(command("e", "k", text, Ending::Ok));
    accept("4242").await.unwrap();
    let text = accept("5555").await.unwrap_err().to_string();
    assert!(text.contains("differs in text"), "{text}");
    assert!(!text.contains("4242") && !text.contains("5555"), "{text}");
}

#[tokio::test]
async fn another_owners_operation_is_as_one_that_does_not_exist() {
    let world = World::new().await;
    let mine = world.orchestrator().owned_by(Owner::new("mine").unwrap());
    let theirs = world.orchestrator().owned_by(Owner::new("theirs").unwrap());
    let accepted = mine.accept(command("e", "k", "", Ending::Ok)).await.unwrap();
    let nobody = orch::OpId::generate();
    let same = |text: String| text.replace(&accepted.op_id.to_string(), &nobody.to_string());
    assert_eq!(theirs.get(accepted.op_id).await.unwrap(), None);
    assert_eq!(
        same(theirs.history(accepted.op_id).await.unwrap_err().to_string()),
        theirs.history(nobody).await.unwrap_err().to_string()
    );
    assert_eq!(
        same(theirs.redrive(accepted.op_id).await.unwrap_err().to_string()),
        theirs.redrive(nobody).await.unwrap_err().to_string()
    );
}

#[tokio::test]
async fn a_row_that_cannot_be_decoded_is_listed_and_holds_up_nobody() {
    let world = World::new().await;
    drop(world.waited(command("e1", "k1", "", Ending::Fail)).await);
    world.sql("UPDATE orch_operation SET biz_key = ''").await;
    let waited = world.waited(command("e2", "k2", "fine", Ending::Ok)).await;
    assert_eq!(waited, Waited::Ok("fine".to_owned()));
    let items = world.orchestrator().list(ListParams::default()).await.unwrap().items;
    let odd = items.iter().filter(|item| matches!(item, Listed::Undecodable { .. })).count();
    assert_eq!((items.len(), odd), (2, 1));
}

#[tokio::test]
async fn durations_and_counts_beyond_their_bounds_are_refused() {
    let world = World::new().await;
    for budget in [Duration::ZERO, Duration::MAX] {
        let accept = world.orchestrator().accept(command("e", "k", "", Ending::Ok));
        let error = accept.time_budget(budget).await.unwrap_err();
        assert!(matches!(error, AcceptError::Invalid(Invalid::DurationOutOfRange { .. })));
    }
    let absurd = Config::default().lease(Duration::MAX);
    assert!(Runtime::on(MemoryStore::new()).config(absurd).start().await.is_err());
    assert_eq!(world.stored().await, 0);
}

#[tokio::test]
async fn a_database_newer_than_the_binary_is_refused_with_advice() {
    let world = World::new().await;
    world.sql("INSERT INTO orch_schema_version (version) VALUES (999)").await;
    let error = Runtime::connect(&world.url).start().await.unwrap_err().to_string();
    assert!(error.contains("999") && error.contains("deploy the newer release"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_locked_at_start_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let options: SqliteConnectOptions = url.parse().unwrap();
    let mut other = options.create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let starting = tokio::spawn(Runtime::connect(url).config(quick()).start());
    // Nothing says that somebody waits for a lock, so this takes its time.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!starting.is_finished());
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    assert!(starting.await.unwrap().is_ok());
}

#[tokio::test]
async fn an_error_text_of_a_megabyte_is_cut_and_marked() {
    let world = World::new().await;
    let long = "x".repeat(1_000_000);
    let waited = world.waited(command("e", "k", &long, Ending::Fail)).await;
    let Waited::Failed(failure) = waited else { panic!("{waited:?}") };
    assert!(failure.message.len() < 10_000);
    assert!(failure.message.ends_with("[truncated: 1000009 bytes in all]"));
}
