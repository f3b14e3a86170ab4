use std::convert::Infallible;

use orch::ProviderKey;
use orch::internals::handler::States;
use orch::internals::words::{AttemptEnd, Outcome as End, Payload};
use orch::prelude::*;

use crate::world;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Ask {
    order: u32,
}

struct Greeting(&'static str);
struct Farewell(&'static str);

type AskResult = Result<(String, String, String), Infallible>;

#[orchestrated(domain = "ARGUMENTS", event = "ASK")]
async fn ask(
    cmd: Ask,
    ctx: Context,
    greeting: State<Greeting>,
    farewell: orch::State<Farewell>,
) -> AskResult {
    let text = format!("{} {} {}", greeting.0, cmd.order, farewell.0);
    Ok((text, ctx.biz_key().to_owned(), ctx.provider_key().as_str().to_owned()))
}

fn states() -> States {
    States::default().with(Greeting("hello")).with(Farewell("bye"))
}

#[tokio::test]
async fn command_context_and_states_reach_the_function() {
    let call = world::call(&Ask { order: 7 }, states());
    let end = (world::registration::<Ask>().attempt)(&call).unwrap().await.end;
    let AttemptEnd::Outcome(End::Ok { output }) = end else { panic!("{end:?}") };
    let key = <ProviderKey>::text_of(call.envelope.key_source());
    let expected = ("hello 7 bye", "ORDER-7", key.as_str());
    assert_eq!(output, Payload::json(&expected).unwrap());
}

#[tokio::test]
async fn a_handler_is_called_like_any_function() {
    let command = Ask { order: 7 };
    let ctx = Context::for_test(&command).unwrap();
    assert_eq!((ctx.attempt(), ctx.kind().to_string().as_str()), (1, "ARGUMENTS/ASK"));
    assert!(ctx.remaining() > Duration::from_secs(20) && !ctx.is_cancelled());
    let key = ctx.provider_key().to_string();
    let answer =
        ask(command, ctx, State::new(Greeting("hello")), State::new(Farewell("bye"))).await;
    assert_eq!(answer, Ok(("hello 7 bye".to_owned(), "ORDER-7".to_owned(), key)));
    assert!(<Context>::for_test(&Blank { name: String::new() }).is_err());
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{name}")]
struct Blank {
    name: String,
}

#[orchestrated(domain = "ARGUMENTS", event = "BLANK")]
async fn blank(cmd: Blank) -> Result<String, Infallible> {
    Ok(cmd.name)
}

#[test]
fn needs_name_every_state_in_order() {
    let needs = (world::registration::<Ask>().needs)();
    let names: Vec<&str> = needs.iter().map(|need| need.name).collect();
    assert_eq!(names, ["macros::arguments::Greeting", "macros::arguments::Farewell"]);
    assert!(needs.iter().all(|need| states().has(need)));
    assert!(!States::default().has(&needs[0]));
}

#[test]
fn a_missing_state_is_unrunnable_and_named() {
    let call = world::call(&Ask { order: 7 }, States::default().with(Greeting("hello")));
    let refused = (world::registration::<Ask>().attempt)(&call).err().unwrap();
    assert!(refused.reason.contains("macros::arguments::Farewell"), "{refused}");
}

#[test]
fn a_payload_of_another_shape_is_unrunnable_and_not_quoted() {
    let command =
        orch::internals::words::Command::new("ARGUMENTS", "ASK", "b", "i", r#"{"order":"secret"}"#)
            .unwrap();
    let call = world::call_with(command, states());
    let refused = (world::registration::<Ask>().attempt)(&call).err().unwrap();
    assert!(refused.reason.starts_with("the payload cannot be decoded"), "{refused}");
    assert!(!refused.reason.contains("secret"));
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{order}")]
struct Shelf {
    order: u32,
}

#[orchestrated(domain = "ARGUMENTS", event = "SHELF")]
async fn without_context(cmd: Shelf, greeting: State<Greeting>) -> Result<String, Infallible> {
    Ok(format!("{} {}", greeting.0, cmd.order))
}

#[tokio::test]
async fn the_context_may_be_left_out() {
    let output = Payload::from(r#""hello 7""#);
    let end = world::run(&Shelf { order: 7 }, states()).await;
    assert_eq!(end, AttemptEnd::Outcome(End::Ok { output }));
}
