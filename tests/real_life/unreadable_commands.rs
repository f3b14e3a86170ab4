//! What a worker could not read is refused before it is stored.

use orch::internals::handler::{HandledCommand, KeyInCommand, TypedCommand};
use orch::prelude::*;
use orch::{AcceptError, Invalid};

#[derive(Default, Serialize, Deserialize)]
struct Part {
    of: Option<Box<Part>>,
}

#[derive(Default, Serialize, Deserialize, Command)]
#[command(biz_key = "{id}", domain = "UNREADABLE", event = "RUN", output = u64)]
struct Odd {
    #[command(idem_key)]
    id: String,
    ratio: f64,
    part: Part,
    limit: Option<f32>,
    note: Option<Option<u8>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<u8>,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}", domain = "UNREADABLE", event = "SUM", output = u64)]
struct Summed {
    #[command(idem_key)]
    id: String,
    #[serde(skip_deserializing)]
    sum: u32,
}

fn odd() -> Odd {
    Odd { id: "k".into(), lines: vec![1], ..Odd::default() }
}

/// Why it is refused; nothing is stored.
async fn refused<C>(command: C) -> String
where
    C: HandledCommand + TypedCommand<Key = KeyInCommand>,
{
    let runtime = Runtime::connect("memory:").without_worker().start().await.unwrap();
    let desk = runtime.orchestrator();
    let error = desk.accept(command).await.unwrap_err();
    let AcceptError::Invalid(Invalid::NotReadBack { reason }) = &error else { panic!("{error:?}") };
    assert!(desk.list(Default::default()).await.unwrap().items.is_empty());
    assert!(error.to_string().contains("cannot be read back"), "{error}");
    reason.clone()
}

#[tokio::test]
async fn what_reads_back_as_it_was_is_accepted() {
    let runtime = Runtime::connect("memory:").without_worker().start().await.unwrap();
    let some = Odd { limit: Some(0.1), note: Some(Some(3)), ratio: -0.0, ..odd() };
    runtime.orchestrator().accept(some).await.unwrap();
}

#[tokio::test]
async fn a_number_that_is_none() {
    for ratio in [f64::NAN, f64::INFINITY] {
        assert!(refused(Odd { ratio, ..odd() }).await.contains("`ratio`"));
    }
    let reason = refused(Odd { limit: Some(f32::NAN), ..odd() }).await;
    assert_eq!(reason, "`limit` is read as another value");
}

#[tokio::test]
async fn nothing_in_something() {
    let reason = refused(Odd { note: Some(None), ..odd() }).await;
    assert_eq!(reason, "`note` is read as another value");
}

#[tokio::test]
async fn a_nesting_that_no_decoder_follows() {
    let part = (0..150).fold(Part::default(), |part, _| Part { of: Some(Box::new(part)) });
    let reason = refused(Odd { part, ..odd() }).await;
    assert!(reason.contains("nested deeper than 127 levels"), "{reason}");
}

#[tokio::test]
async fn a_field_that_is_not_written() {
    let reason = refused(Odd { lines: Vec::new(), ..odd() }).await;
    assert!(reason.contains("a value does not fit the type"), "{reason}");
}

#[tokio::test]
async fn a_field_that_is_not_read() {
    let reason = refused(Summed { id: "k".into(), sum: 5 }).await;
    assert!(reason.contains("`sum`"), "{reason}");
}
