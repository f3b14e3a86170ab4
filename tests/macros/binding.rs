use std::convert::Infallible;

use orch::internals::handler::{HandledCommand, States};
use orch::internals::words::{AttemptEnd, Outcome as End, Payload};
use orch::prelude::*;

use crate::world;

/// Bound by its own derive, as in a crate that only accepts.
#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}", domain = "BINDING", event = "SELF_BOUND", output = Vec<u32>)]
struct SelfBound {
    id: u32,
}

#[orchestrated(domain = "BINDING", event = "SELF_BOUND", binding = "command")]
async fn handle(cmd: SelfBound) -> Result<Vec<u32>, Infallible> {
    Ok(vec![cmd.id])
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct HandlerBound {
    id: u32,
}

type ByAliasResult = Result<String, Infallible>;

#[orchestrated(domain = "BINDING", event = "HANDLER_BOUND")]
async fn by_alias(cmd: HandlerBound) -> ByAliasResult {
    Ok(cmd.id.to_string())
}

/// Bound by its own derive, which says the time budget too: a process that accepts it knows no more.
#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}", domain = "BINDING", event = "SLOW", output = (), time_budget = "2h")]
struct Slow {
    id: u32,
}

#[orchestrated(domain = "BINDING", event = "SLOW", binding = "command", attempt_timeout = "2h")]
async fn slow(_cmd: Slow) -> Result<(), Infallible> {
    Ok(())
}

#[test]
fn a_handler_of_a_bound_command_has_its_time_budget() {
    assert_eq!(Slow::TIME_BUDGET, Duration::from_secs(2 * 60 * 60));
    let descriptor = world::registration::<Slow>().descriptor;
    assert_eq!(descriptor.time_budget, Slow::TIME_BUDGET);
    assert_eq!(descriptor.attempt_timeout, Slow::TIME_BUDGET);
}

fn bound_to<C: HandledCommand<Output = O>, O>() -> (&'static str, &'static str) {
    (C::DOMAIN, C::EVENT)
}

#[test]
fn a_command_carries_its_own_binding() {
    assert_eq!(bound_to::<SelfBound, Vec<u32>>(), ("BINDING", "SELF_BOUND"));
}

#[test]
fn a_handler_binds_its_command_also_behind_an_alias() {
    assert_eq!(bound_to::<HandlerBound, String>(), ("BINDING", "HANDLER_BOUND"));
}

#[tokio::test]
async fn a_handler_of_a_bound_command_runs() {
    let end = world::run(&SelfBound { id: 7 }, States::default()).await;
    assert_eq!(end, AttemptEnd::Outcome(End::Ok { output: Payload::from("[7]") }));
    let end = world::run(&HandlerBound { id: 7 }, States::default()).await;
    assert_eq!(end, AttemptEnd::Outcome(End::Ok { output: Payload::from(r#""7""#) }));
}
