//! The table of the book: what must hold of every row, and of a case that claims to be one.

use std::fs::{read_dir, read_to_string};

use lettre::transport::smtp::Error;
use orch::Ending;
use orch::mail::ending_of_lettre;

const PAGE: &str = "docs/book/sending-mail.md";

/// A row of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    kind: String,
    arrivals: usize,
    acts: usize,
    ending: String,
}

impl Row {
    fn all() -> Vec<Self> {
        let page = read_to_string(PAGE).unwrap();
        let table = page.split("| what goes wrong | arrives | taken | ending |").skip(1);
        let lines =
            table.flat_map(|table| table.lines().skip(2).take_while(|l| l.starts_with('|')));
        lines.map(Self::read).collect()
    }

    fn read(line: &str) -> Self {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number = |cell: &str| cell.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let (kind, ending) = (cells[1].replace('`', ""), cells[4].to_owned());
        Self { kind, arrivals: number(cells[2]), acts: number(cells[3]), ending }
    }
}

/// What the table calls the end of a mail.
pub(crate) fn name<T>(result: &Result<T, Error>) -> &'static str {
    let Err(error) = result else { return "done" };
    match ending_of_lettre(error) {
        Ending::Retry { .. } => "retry",
        Ending::Fail { uncertain: false, clears_doubt: false, .. } => "fail",
        Ending::InDoubt => "in doubt",
        other => panic!("{other:?}"),
    }
}

/// Holds one mail against the page: whole mails that have arrived, and mails that were taken.
pub(crate) fn row<T>(kind: &str, seen: (usize, usize), result: &Result<T, Error>) {
    let row = Row::all().into_iter().find(|row| row.kind == kind);
    let row = row.unwrap_or_else(|| panic!("{PAGE} has no row {kind:?}"));
    assert_eq!(seen, (row.arrivals, row.acts), "{kind}: arrivals and acts");
    let (ending, error) = (name(result), result.as_ref().err());
    assert_eq!(row.ending, ending, "{kind}: {error:?}");
}

#[test]
fn no_row_says_not_sent_or_refused_of_a_mail_that_was_taken() {
    let rows = Row::all();
    assert!(rows.len() > 20, "{} rows", rows.len());
    for row in rows {
        assert!(row.arrivals <= 1, "one mail arrives once: {row:?}");
        assert!(row.acts <= row.arrivals, "{row:?}");
        match row.ending.as_str() {
            "retry" | "fail" => assert_eq!(row.acts, 0, "{row:?}"),
            "done" => assert_eq!(row.acts, 1, "{row:?}"),
            "in doubt" => {}
            other => panic!("no ending: {other}"),
        }
    }
}

#[test]
fn every_row_of_the_page_is_a_case() {
    let sources: String = read_dir("tests/mail_client")
        .unwrap()
        .map(|file| read_to_string(file.unwrap().path()).unwrap())
        .collect();
    for row in Row::all() {
        assert!(sources.contains(&format!("\"{}\"", row.kind)), "{row:?} is not tested");
    }
}
