//! The table of the page about HTTP, and calls held against it.

use std::time::Duration;

use orch::http::AnswerError;
use orch_testkit::SocketProvider;
use tokio::time::timeout;

use crate::table::{Tables, ending_name};

const TABLES: Tables = Tables {
    page: "docs/book/calling-over-http.md",
    head: "| what goes wrong | arrives | acts | ending |",
    cases: "tests/http_client",
};

/// What the table calls the end of a call.
pub(crate) fn name<T>(result: &Result<T, AnswerError>) -> &'static str {
    ending_name(result.as_ref().err().map(AnswerError::ending).as_ref())
}

/// Holds one call with the client that orch builds against the page.
pub(crate) async fn row<T>(kind: &str, provider: &SocketProvider, result: Result<T, AnswerError>) {
    let row = TABLES.row(kind);
    // An arrival may be entered a moment after its client has given up.
    let _ = timeout(Duration::from_secs(10), provider.arrived(row.arrivals)).await;
    let seen = (provider.arrivals().len(), provider.acts());
    row.holds(seen, name(&result), &result.err());
}

#[test]
fn no_row_says_not_sent_or_refused_of_a_call_that_acted() {
    TABLES.are_safe(40);
}

#[test]
fn every_row_of_the_page_is_a_case() {
    TABLES.are_tested();
}
