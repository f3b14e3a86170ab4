//! A command that another crate has bound, and a handler that another crate has linked in.
#![forbid(unsafe_code)]

use std::convert::Infallible;

use conductor::prelude::*;
use conductor::seams::{Handled, Registration};
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
