//! A command that another crate has bound, and a handler that another crate has linked in.
#![forbid(unsafe_code)]

use std::convert::Infallible;

use conductor::HandledCommand;
use conductor::internals::handler::Registration;
use conductor::prelude::*;
use renamed::{Charge, Notify};

#[orchestrated(
    domain = "RENAMED",
    event = "NOTIFY",
    binding = "command",
    crate = ::conductor
)]
async fn notify(cmd: Notify) -> Result<u64, Infallible> {
    Ok(cmd.order_id)
}

#[test]
fn handlers_of_both_crates_are_registered() {
    let mut names: Vec<&str> = conductor::__private::inventory::iter::<Registration>
        .into_iter()
        .map(|registration| registration.descriptor.name)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["across_crates::notify", "renamed::charge"]);
    assert_eq!((Charge::DOMAIN, Charge::EVENT), ("RENAMED", "CHARGE"));
}

#[tokio::test]
async fn the_function_stays_callable() {
    assert_eq!(notify(Notify { order_id: 7, request: "r".into() }).await, Ok(7));
}

#[test]
fn two_crates_with_a_handler_for_one_pair_do_not_link() {
    let build = std::process::Command::new(env!("CARGO"))
        .args(["test", "--offline", "--no-run", "--features", "duplicate", "--test", "duplicate"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&build.stderr);
    assert!(!build.status.success(), "{said}");
    assert!(said.contains("orch_handler.7.RENAMED.6.CHARGE"), "{said}");
    assert!(said.contains("multiple definition") || said.contains("duplicate symbol"), "{said}");
}
