//! The table of the book: what must hold of every row, and of a case that claims to be one.

use std::fs::{read_dir, read_to_string};
use std::time::Duration;

use orch::Ending;
use orch::grpc::{CallError, ending_of_tonic};
use orch_testkit::SocketProvider;
use tokio::time::timeout;
use tonic::Status;

const PAGE: &str = "docs/book/calling-over-grpc.md";

/// A row of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    kind: String,
    arrivals: usize,
    acts: usize,
    ending: String,
}

impl Row {
    fn all() -> Vec<Self> {
        let page = read_to_string(PAGE).unwrap();
        let table = page.split("| what goes wrong | arrives | acts | ending |").skip(1);
        let lines =
            table.flat_map(|table| table.lines().skip(2).take_while(|l| l.starts_with('|')));
        lines.map(Self::read).collect()
    }

    fn of(kind: &str) -> Self {
        let row = Self::all().into_iter().find(|row| row.kind == kind);
        row.unwrap_or_else(|| panic!("{PAGE} has no row {kind:?}"))
    }

    fn read(line: &str) -> Self {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number = |cell: &str| cell.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let (kind, ending) = (cells[1].replace('`', ""), cells[4].to_owned());
        Self { kind, arrivals: number(cells[2]), acts: number(cells[3]), ending }
    }
}

/// What the table calls the end of a call.
pub(crate) fn name<T>(result: &Result<T, Status>) -> &'static str {
    let Err(status) = result else { return "done" };
    let ending = ending_of_tonic(status);
    assert_eq!(CallError::from(status.clone()).ending(), ending);
    match ending {
        Ending::Retry { .. } => "retry",
        Ending::Fail { uncertain: false, clears_doubt: false, .. } => "fail",
        Ending::InDoubt => "in doubt",
        other => panic!("{other:?}"),
    }
}

/// Holds one call against the page.
pub(crate) async fn row<T>(kind: &str, provider: &SocketProvider, result: &Result<T, Status>) {
    // An arrival may be entered a moment after its client has given up.
    let arrived = provider.arrived(Row::of(kind).arrivals);
    let _ = timeout(Duration::from_secs(10), arrived).await;
    row_seen(kind, (provider.arrivals().len(), provider.acts()), result);
}

/// The same by what another server has seen: arrivals and acts.
pub(crate) fn row_seen<T>(kind: &str, seen: (usize, usize), result: &Result<T, Status>) {
    let row = Row::of(kind);
    assert_eq!(seen, (row.arrivals, row.acts), "{kind}: arrivals and acts");
    let (ending, error) = (name(result), result.as_ref().err());
    assert!(row.ending.split(" or ").any(|e| e == ending), "{kind}: {ending}, {error:?}");
}

#[test]
fn no_row_says_not_sent_or_refused_of_a_call_that_acted() {
    let rows = Row::all();
    assert!(rows.len() > 40, "{} rows", rows.len());
    for row in rows {
        assert!(row.arrivals <= 1, "one call arrives once: {row:?}");
        assert!(row.acts <= row.arrivals, "{row:?}");
        for ending in row.ending.split(" or ") {
            match ending {
                "retry" | "fail" => assert_eq!(row.acts, 0, "{row:?}"),
                "done" => assert_eq!(row.acts, 1, "{row:?}"),
                "in doubt" => {}
                other => panic!("no ending: {other}"),
            }
        }
    }
}

#[test]
fn every_row_of_the_page_is_a_case() {
    let sources: String = read_dir("tests/grpc_client")
        .unwrap()
        .map(|file| read_to_string(file.unwrap().path()).unwrap())
        .collect();
    for row in Row::all() {
        assert!(sources.contains(&format!("\"{}\"", row.kind)), "{row:?} is not tested");
    }
}
