//! The table of the page about mail, and mails held against it.

use lettre::transport::smtp::Error;
use orch::mail::ending_of_lettre;

use crate::table::{Tables, ending_name};

const TABLES: Tables = Tables {
    page: "docs/book/sending-mail.md",
    head: "| what goes wrong | arrives | taken | ending |",
    cases: "tests/mail_client",
};

/// What the table calls the end of a mail.
pub(crate) fn name<T>(result: &Result<T, Error>) -> &'static str {
    ending_name(result.as_ref().err().map(ending_of_lettre).as_ref())
}

/// Holds one mail against the page: whole mails that have arrived, and mails that were taken.
pub(crate) fn row<T>(kind: &str, seen: (usize, usize), result: &Result<T, Error>) {
    TABLES.row(kind).holds(seen, name(result), &result.as_ref().err());
}

#[test]
fn no_row_says_not_sent_or_refused_of_a_mail_that_was_taken() {
    TABLES.are_safe(20);
}

#[test]
fn every_row_of_the_page_is_a_case() {
    TABLES.are_tested();
}
