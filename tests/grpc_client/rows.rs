//! The table of the page about gRPC, and calls held against it.

use std::time::Duration;

use orch::grpc::{CallError, ending_of_tonic};
use orch_testkit::SocketProvider;
use tokio::time::timeout;
use tonic::Status;

use crate::table::{Tables, ending_name};

const TABLES: Tables = Tables {
    page: "docs/book/calling-over-grpc.md",
    head: "| what goes wrong | arrives | acts | ending |",
    cases: "tests/grpc_client",
};

/// What the table calls the end of a call.
pub(crate) fn name<T>(result: &Result<T, Status>) -> &'static str {
    let ending = result.as_ref().err().map(|status| {
        let ending = ending_of_tonic(status);
        assert_eq!(CallError::from(status.clone()).ending(), ending);
        ending
    });
    ending_name(ending.as_ref())
}

/// Holds one call against the page.
pub(crate) async fn row<T>(kind: &str, provider: &SocketProvider, result: &Result<T, Status>) {
    // An arrival may be entered a moment after its client has given up.
    let arrived = provider.arrived(TABLES.row(kind).arrivals);
    let _ = timeout(Duration::from_secs(10), arrived).await;
    row_seen(kind, (provider.arrivals().len(), provider.acts()), result);
}

/// The same by what another server has seen: arrivals and acts.
pub(crate) fn row_seen<T>(kind: &str, seen: (usize, usize), result: &Result<T, Status>) {
    TABLES.row(kind).holds(seen, name(result), &result.as_ref().err());
}

#[test]
fn no_row_says_not_sent_or_refused_of_a_call_that_acted() {
    TABLES.are_safe(40);
}

#[test]
fn every_row_of_the_page_is_a_case() {
    TABLES.are_tested();
}
