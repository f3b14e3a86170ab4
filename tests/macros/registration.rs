use std::convert::Infallible;
use std::time::Duration;

use orch::internals::policies::{
    Backoff, DEFAULT_ATTEMPT_TIMEOUT, DEFAULT_MAX_ATTEMPTS, InDoubt, MAX_RETENTION, MIN_RETENTION,
    Retention,
};
use orch::prelude::*;

use crate::world::registration;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Plain {
    id: u64,
}

#[orchestrated(domain = "REGISTRATION", event = "PLAIN")]
async fn plain(_cmd: Plain) -> Result<(), Infallible> {
    Ok(())
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Tuned {
    id: u64,
}

#[orchestrated(
    domain = "REGISTRATION.DEEP",
    event = "TUNED_2",
    attempt_timeout = "1500ms",
    max_attempts = 1000,
    backoff(base = "250ms", cap = "2m"),
    in_doubt = "park"
)]
async fn tuned(_cmd: Tuned) -> Result<(), Infallible> {
    Ok(())
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Failing {
    id: u64,
}

#[orchestrated(domain = "REGISTRATION", event = "FAILING", in_doubt = "fail", backoff(cap = "10s"))]
async fn failing(_cmd: Failing) -> Result<(), Infallible> {
    Ok(())
}

#[test]
fn the_bare_attribute_takes_every_default_of_core() {
    let descriptor = registration::<Plain>().descriptor;
    assert_eq!(descriptor.name, "macros::registration::plain");
    assert!(descriptor.file.ends_with("tests/macros/registration.rs"));
    assert_eq!((descriptor.domain, descriptor.event_type), ("REGISTRATION", "PLAIN"));
    assert_eq!(descriptor.attempt_timeout, DEFAULT_ATTEMPT_TIMEOUT);
    assert_eq!(descriptor.max_attempts, DEFAULT_MAX_ATTEMPTS);
    assert_eq!(descriptor.backoff, Backoff::DEFAULT);
    assert_eq!(descriptor.in_doubt, InDoubt::default());
}

#[test]
fn the_line_is_that_of_the_attribute() {
    let source = include_str!("registration.rs");
    let at = source.lines().position(|line| line.contains("event = \"PLAIN\")]")).unwrap() + 1;
    assert_eq!(registration::<Plain>().descriptor.line as usize, at);
}

#[test]
fn a_part_of_the_backoff_leaves_the_rest_at_its_default() {
    let descriptor = registration::<Failing>().descriptor;
    assert_eq!(descriptor.backoff, Backoff::from_millis(1_000, 10_000));
    assert_eq!(descriptor.in_doubt, InDoubt::Fail);
}

#[test]
fn every_macro_name_passes_the_rule_of_core() {
    for registration in [registration::<Plain>(), registration::<Tuned>()] {
        let policy = registration.policy(Retention::DEFAULT).unwrap();
        assert_eq!(policy.kind.domain.as_str(), registration.descriptor.domain);
        assert!(!policy.hooked);
    }
}

#[test]
fn the_limits_of_the_macro_are_those_of_core() {
    // The macro cannot depend on core; it holds the same numbers.
    assert_eq!(orch::internals::policies::DEFAULT_TIME_BUDGET, Duration::from_secs(300));
    assert_eq!(orch::internals::policies::MIN_TIME_BUDGET, Duration::from_millis(1));
    assert_eq!(orch::internals::policies::MAX_TIME_BUDGET, Duration::from_secs(8760 * 60 * 60));
    assert_eq!(Backoff::MAX_CAP, Duration::from_secs(24 * 60 * 60));
    let years = |years: u64| Duration::from_secs(years * 365 * 24 * 60 * 60);
    assert_eq!((MIN_RETENTION, MAX_RETENTION), (Duration::from_secs(1), years(50)));
}

#[tokio::test]
async fn the_function_stays_callable() {
    assert_eq!(plain(Plain { id: 1 }).await, Ok(()));
    assert_eq!(tuned(Tuned { id: 1 }).await, Ok(()));
    assert_eq!(failing(Failing { id: 1 }).await, Ok(()));
}
