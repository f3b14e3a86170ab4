use std::any::Any;
use std::convert::Infallible;

use orch::prelude::*;
use orch::seams::{ConnectionType, FinalizeHook};
use orch::words::{Failure, Payload, Settlement};

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

async fn book(ledger: &mut Ledger, settled: &Settled<Receipt>) -> Result<(), &'static str> {
    match settled {
        Settled::Ok(receipt) if receipt.amount == 0 => return Err("an empty receipt"),
        Settled::Ok(receipt) => ledger.0.push(format!("paid {}", receipt.amount)),
        Settled::Failed(failure) => ledger.0.push(failure.code.clone()),
        Settled::Pending(_) => return Err("a hook never sees a pending operation"),
    }
    Ok(())
}

fn hook() -> FinalizeHook {
    registration::<Pay>().finalize.expect("it has one")
}

fn paid(output: &str) -> Settlement {
    Settlement::Ok { output: Payload::from(output) }
}

async fn finalize(
    connection: &mut (dyn Any + Send),
    settlement: &Settlement,
) -> Result<(), String> {
    (hook().run)(connection, settlement).await.map_err(|error| error.to_string())
}

#[test]
fn the_connection_type_is_that_of_the_users_function() {
    assert_eq!((hook().connection)(), ConnectionType::of::<Ledger>());
    assert_ne!((hook().connection)(), ConnectionType::of::<String>());
    assert!(registration::<Pay>().policy().unwrap().hooked);
}

#[tokio::test]
async fn the_hook_gets_the_result_as_its_type() {
    let mut ledger = Ledger::default();
    finalize(&mut ledger, &paid(r#"{"amount":5}"#)).await.unwrap();
    finalize(&mut ledger, &Settlement::Failed(Failure::new("NO", "no"))).await.unwrap();
    assert_eq!(ledger.0, ["paid 5", "NO"]);
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
