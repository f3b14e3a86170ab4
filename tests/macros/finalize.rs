use std::any::Any;
use std::convert::Infallible;

use orch::Envelope;
use orch::internals::handler::States;
use orch::internals::policies::Retention;
use orch::internals::store::{ConnectionType, FinalizeHook, HookFn};
use orch::internals::words::{Failure, Fence, FinalOutcome, OpId, Owner, Payload, Timestamp};
use orch::prelude::*;

use crate::world::registration;

/// A connection whose rows are lines of text.
#[derive(Default)]
struct Ledger(Vec<String>);

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Pay {
    id: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    amount: u32,
}

#[orchestrated(domain = "FINALIZE", event = "PAY", finalize = book)]
async fn pay(cmd: Pay) -> Result<Receipt, Infallible> {
    Ok(Receipt { amount: cmd.id })
}

async fn book(
    ledger: &mut Ledger,
    ended: &FinalOutcome<Receipt>,
    of: &Envelope,
) -> Result<(), &'static str> {
    ledger.0.push(format!("{} {}", of.owner, of.command.biz_key()));
    match ended {
        FinalOutcome::Ok(receipt) if receipt.amount == 0 => return Err("an empty receipt"),
        FinalOutcome::Ok(receipt) => ledger.0.push(format!("paid {}", receipt.amount)),
        FinalOutcome::Failed(failure) => ledger.0.push(failure.code.clone()),
    }
    Ok(())
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Refund {
    id: u32,
}

#[orchestrated(domain = "FINALIZE", event = "REFUND", finalize = count)]
async fn refund(_cmd: Refund) -> Result<Receipt, Infallible> {
    Ok(Receipt { amount: 0 })
}

/// A hook need not ask which operation it is for.
async fn count(ledger: &mut Ledger, _ended: &FinalOutcome<Receipt>) -> Result<(), Infallible> {
    ledger.0.push("one more".to_owned());
    Ok(())
}

fn hook() -> HookFn {
    registration::<Pay>().finalize.expect("it has one")
}

fn paid(output: &str) -> FinalOutcome {
    FinalOutcome::Ok(Payload::from(output))
}

/// The second attempt for ORDER-7 of tenant-2.
fn envelope() -> Envelope {
    let mut envelope = Envelope::new(
        OpId::generate(),
        Owner::new("tenant-2").unwrap(),
        orch::Command::new("FINALIZE", "PAY", "ORDER-7", "key-1", r#"{"id":7}"#).unwrap(),
        Timestamp::from_micros(0),
        Timestamp::from_micros(1),
    );
    envelope.attempt = 2;
    envelope.fence = Fence::new(2);
    envelope
}

async fn finalize(connection: &mut (dyn Any + Send), outcome: &FinalOutcome) -> Result<(), String> {
    let hook = FinalizeHook::from(hook());
    hook.run(connection, outcome, &envelope()).await.map_err(|error| error.to_string())
}

#[test]
fn the_connection_type_is_that_of_the_users_function() {
    assert_eq!((hook().connection)(), ConnectionType::of::<Ledger>());
    assert_ne!((hook().connection)(), ConnectionType::of::<String>());
    assert!(registration::<Pay>().policy(Retention::DEFAULT).unwrap().hooked);
}

#[tokio::test]
async fn the_hook_gets_the_result_as_its_type() {
    let mut ledger = Ledger::default();
    finalize(&mut ledger, &paid(r#"{"amount":5}"#)).await.unwrap();
    finalize(&mut ledger, &FinalOutcome::Failed(Failure::new("NO", "no"))).await.unwrap();
    assert_eq!(ledger.0, ["tenant-2 ORDER-7", "paid 5", "tenant-2 ORDER-7", "NO"]);
}

#[tokio::test]
async fn a_hook_that_does_not_ask_is_not_told() {
    let mut ledger = Ledger::default();
    let hook = FinalizeHook::from(registration::<Refund>().finalize.expect("it has one"));
    hook.run(&mut ledger, &paid(r#"{"amount":0}"#), &envelope()).await.unwrap();
    assert_eq!(ledger.0, ["one more"]);
}

#[tokio::test]
async fn the_envelope_holds_the_command() {
    let command: Pay = envelope().command.payload().decode().unwrap();
    assert_eq!(command.id, 7);
}

#[tokio::test]
async fn the_hooks_error_is_kept_as_text() {
    let error = finalize(&mut Ledger::default(), &paid(r#"{"amount":0}"#)).await.unwrap_err();
    assert_eq!(error, "finalize hook failed: an empty receipt");
}

#[tokio::test]
async fn another_connection_is_refused_by_name() {
    let error = finalize(&mut String::new(), &paid(r#"{"amount":5}"#)).await.unwrap_err();
    assert!(error.contains("macros::finalize::Ledger"), "{error}");
}

#[tokio::test]
async fn a_result_that_cannot_be_read_back_is_not_quoted() {
    let error = finalize(&mut Ledger::default(), &paid(r#""secret""#)).await.unwrap_err();
    assert!(error.contains("cannot be decoded") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn the_function_stays_callable() {
    assert_eq!(pay(Pay { id: 3 }).await.unwrap().amount, 3);
}

struct Prefix(&'static str);
struct Suffix(&'static str);

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Bill {
    id: u32,
}

#[orchestrated(domain = "FINALIZE", event = "BILL", reconcile = ask, finalize = sign)]
async fn bill(cmd: Bill, _prefix: State<Prefix>) -> Result<Receipt, Infallible> {
    Ok(Receipt { amount: cmd.id })
}

async fn ask(_cmd: Bill, _suffix: State<Suffix>) -> Reconciled<Receipt> {
    Reconciled::Unanswered
}

async fn sign(
    ledger: &mut Ledger,
    _ended: &FinalOutcome<Receipt>,
    of: &Envelope,
    prefix: State<Prefix>,
    suffix: State<Suffix>,
) -> Result<(), Infallible> {
    ledger.0.push(format!("{} {} {}", prefix.0, of.command.biz_key(), suffix.0));
    Ok(())
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Note {
    id: u32,
}

#[orchestrated(domain = "FINALIZE", event = "NOTE", finalize = jot)]
async fn note(cmd: Note) -> Result<Receipt, Infallible> {
    Ok(Receipt { amount: cmd.id })
}

/// The envelope may be left out beside a state too.
async fn jot(
    ledger: &mut Ledger,
    _ended: &FinalOutcome<Receipt>,
    prefix: State<Prefix>,
) -> Result<(), Infallible> {
    ledger.0.push(prefix.0.to_owned());
    Ok(())
}

fn hook_of<C: orch::HandledCommand>(states: States) -> FinalizeHook {
    FinalizeHook { function: registration::<C>().finalize.expect("it has one"), states }
}

#[tokio::test]
async fn a_hook_takes_states_with_and_without_the_envelope() {
    let states = || States::default().with(Prefix("so")).with(Suffix("it is"));
    let (mut ledger, paid) = (Ledger::default(), paid(r#"{"amount":0}"#));
    hook_of::<Bill>(states()).run(&mut ledger, &paid, &envelope()).await.unwrap();
    hook_of::<Note>(states()).run(&mut ledger, &paid, &envelope()).await.unwrap();
    assert_eq!(ledger.0, ["so ORDER-7 it is", "so"]);
}

#[test]
fn the_states_of_a_hook_are_needed_as_those_of_the_handler_are() {
    let names = |needs: fn() -> Vec<orch::internals::handler::StateNeed>| {
        needs().iter().map(|need| need.name).collect::<Vec<_>>()
    };
    let [prefix, suffix] = ["macros::finalize::Prefix", "macros::finalize::Suffix"];
    assert_eq!(names(registration::<Bill>().needs), [prefix, suffix, prefix, suffix]);
    assert_eq!(names(registration::<Note>().needs), [prefix]);
}

#[tokio::test]
async fn a_state_that_is_missing_fails_the_hook_and_is_named() {
    let states = States::default().with(Prefix("so"));
    let ledger = &mut Ledger::default();
    let ran = hook_of::<Bill>(states).run(ledger, &paid(r#"{"amount":0}"#), &envelope()).await;
    let error = ran.unwrap_err().to_string();
    assert!(error.contains("macros::finalize::Suffix") && ledger.0.is_empty(), "{error}");
}
