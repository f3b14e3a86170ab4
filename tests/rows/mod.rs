//! A table of the book about calls that go wrong: what must hold of every row, and of a case that claims to be
//! one. The tests of each kind of client take it in.

use std::fmt::Debug;
use std::fs::{read_dir, read_to_string};

use orch::Ending;

/// A page, the first line of its tables, and the folder with their cases.
pub(crate) struct Tables {
    pub(crate) page: &'static str,
    pub(crate) head: &'static str,
    pub(crate) cases: &'static str,
}

/// What has arrived at the provider, what it has done, and how the attempt ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    kind: String,
    pub(crate) arrivals: usize,
    acts: usize,
    ending: String,
}

impl Tables {
    fn all(&self) -> Vec<Row> {
        let page = read_to_string(self.page).unwrap();
        let tables = page.split(self.head).skip(1);
        let lines =
            tables.flat_map(|table| table.lines().skip(2).take_while(|l| l.starts_with('|')));
        lines.map(Row::read).collect()
    }

    pub(crate) fn row(&self, kind: &str) -> Row {
        let row = self.all().into_iter().find(|row| row.kind == kind);
        row.unwrap_or_else(|| panic!("{} has no row {kind:?}", self.page))
    }

    /// No row says *not sent*, or refused, of a call that acted.
    pub(crate) fn are_safe(&self, least: usize) {
        let rows = self.all();
        assert!(rows.len() > least, "{} rows", rows.len());
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

    pub(crate) fn are_tested(&self) {
        let files = read_dir(self.cases).unwrap();
        let sources: String =
            files.map(|file| read_to_string(file.unwrap().path()).unwrap()).collect();
        for row in self.all() {
            assert!(sources.contains(&format!("\"{}\"", row.kind)), "{row:?} is not tested");
        }
    }
}

impl Row {
    fn read(line: &str) -> Self {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number = |cell: &str| cell.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let (kind, ending) = (cells[1].replace('`', ""), cells[4].to_owned());
        Self { kind, arrivals: number(cells[2]), acts: number(cells[3]), ending }
    }

    /// Holds one call against the row: arrivals and acts, and what the table calls its end.
    pub(crate) fn holds(&self, seen: (usize, usize), ending: &str, error: &impl Debug) {
        let kind = &self.kind;
        assert_eq!(seen, (self.arrivals, self.acts), "{kind}: arrivals and acts");
        let said = self.ending.split(" or ").any(|said| said == ending);
        assert!(said, "{kind}: {ending}, {error:?}");
    }
}

/// What the tables call the end of a call: of one that succeeded, or with this error's ending.
pub(crate) fn ending_name(ending: Option<&Ending>) -> &'static str {
    match ending {
        None => "done",
        Some(Ending::Retry { .. }) => "retry",
        Some(Ending::Fail { uncertain: false, clears_doubt: false, .. }) => "fail",
        Some(Ending::InDoubt) => "in doubt",
        Some(other) => panic!("{other:?}"),
    }
}
