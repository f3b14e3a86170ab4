//! The page "What happens when…": its tables are what ran.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use orch::internals::policies::{Effect, InDoubt};
use orch::internals::words::{FinalOutcome, Phase};
use orch_testkit::{Boundary, Cell};

use crate::judge::Reports;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/book/what-happens-when.md");
/// What stands where nothing runs the handler again, so that there is no second death.
const NO_SECOND: &str = "no other attempt";
/// What stands for the pair that no handler here has: `unsafe` and `retry`.
const NOT_THERE: &str = "[does not compile](../../tests/ui/cases/effect/unsafe_with_retry.stderr)";
/// Set, it has the page written instead of compared.
const WRITE: &str = "ORCH_WRITE_PAGE";

/// Compares a part of the page with what ran, or writes it.
pub fn compare(part: &str, ran: &str) {
    static PAGE_IN_USE: Mutex<()> = Mutex::new(());
    let _turn = PAGE_IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (begin, end) = (format!("<!-- {part}: written by a test -->\n"), "<!-- end -->\n");
    let (before, rest) = page.split_once(&begin).expect("the page has a place for this part");
    let (written, after) = rest.split_once(end).expect("the place has an end");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(PAGE, format!("{before}{begin}{ran}{end}{after}")).unwrap();
        return;
    }
    assert!(
        written == ran,
        "docs/book/what-happens-when.md does not tell what ran; if this change is meant, write it \
         again with {WRITE}=1 cargo test --test crash_matrix in_memory, and read it\n{ran}"
    );
}

/// What became of an operation, as the page tells it.
pub fn told(cell: &Cell) -> String {
    let operation = &cell.operation;
    let end = match (&operation.outcome, operation.phase) {
        (Some(FinalOutcome::Ok(_)), _) => "COMPLETED".to_owned(),
        (Some(FinalOutcome::Failed(failure)), _) => {
            let certain = if failure.uncertain { ", uncertain" } else { "" };
            format!("FAILED, `{}`{certain}", failure.code)
        }
        (None, Some(Phase::Parked)) => "IN_PROGRESS, parked".to_owned(),
        (None, phase) => panic!("no end: {} {phase:?}", operation.status),
    };
    let count = |count: usize, what: &str| match count {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    };
    let (attempts, calls) = (operation.attempt as usize, cell.keys.len());
    let facts = [count(attempts, "attempt"), count(calls, "call"), count(cell.effects, "effect")];
    format!("**{end}**<br>{}", facts.join(", "))
}

/// The deaths: a table for each `in_doubt`, by boundary and effect. Boundaries that lead to the
/// same stand in one row; a second death comes below the first ones. A finalize hook changes
/// nothing but that there are more boundaries.
pub fn deaths(all: &[Reports]) -> String {
    let mut cells = BTreeMap::new();
    for Reports { plain, hooked } in all {
        let handler = plain.handler();
        let key = |cell: &Cell| {
            let died = (cell.deaths > 1, cell.boundary);
            (place(&IN_DOUBT, handler.in_doubt), died, handler.effect.as_str())
        };
        for cell in plain.cells() {
            cells.insert(key(cell), told(cell));
        }
        for cell in hooked.cells() {
            let same = cells.entry(key(cell)).or_insert_with(|| told(cell));
            assert_eq!(*same, told(cell), "with and without a hook:\n{plain}\n{hooked}");
        }
    }
    let mut text = String::new();
    for (table, in_doubt) in IN_DOUBT.into_iter().enumerate() {
        writeln!(text, "\n### {}\n", title(in_doubt)).unwrap();
        let mut rows: Vec<(Vec<String>, Vec<String>)> = Vec::new();
        let all = std::iter::once(None).chain(Boundary::ALL.map(Some));
        let once = all.map(|boundary| (false, boundary));
        for died in once.chain(Boundary::ALL.map(|boundary| (true, Some(boundary)))) {
            let of = |died, effect: &Effect| cells.get(&(table, died, effect.as_str()));
            if Effect::ALL.iter().all(|effect| of(died, effect).is_none()) {
                continue;
            }
            let told = |effect: &Effect| match (of(died, effect), of((false, None), effect)) {
                (Some(told), _) => told.clone(),
                (None, Some(_)) => NO_SECOND.to_owned(),
                (None, None) => NOT_THERE.to_owned(),
            };
            let row: Vec<String> = Effect::ALL.iter().map(told).collect();
            match rows.last_mut().filter(|(_, last)| *last == row) {
                Some((boundaries, _)) => boundaries.push(name(died)),
                None => rows.push((vec![name(died)], row)),
            }
        }
        let effects = Effect::ALL.map(|effect| format!("`{effect}`"));
        write_table(&mut text, "the process dies at", &effects, &rows);
    }
    text.push('\n');
    text
}

/// The boundaries in order, and when that is.
pub fn boundaries() -> String {
    let mut text = String::from("\n| boundary | the process dies |\n|---|---|\n");
    for boundary in Boundary::ALL {
        writeln!(text, "| {} | {} |", name((false, Some(boundary))), boundary.when()).unwrap();
    }
    text.push('\n');
    text
}

/// A table of markdown; each row has a heading.
pub fn write_table(
    text: &mut String,
    corner: &str,
    columns: &[String],
    rows: &[(Vec<String>, Vec<String>)],
) {
    writeln!(text, "| {corner} | {} |", columns.join(" | ")).unwrap();
    writeln!(text, "|---|{}", "---|".repeat(columns.len())).unwrap();
    for (heading, row) in rows {
        writeln!(text, "| {} | {} |", heading.join(", "), row.join(" | ")).unwrap();
    }
}

/// The declarations, in the order of the tables.
pub const IN_DOUBT: [InDoubt; 4] =
    [InDoubt::Retry, InDoubt::Reconcile, InDoubt::Park, InDoubt::Fail];

pub fn place(all: &[InDoubt], in_doubt: InDoubt) -> usize {
    all.iter().position(|other| *other == in_doubt).unwrap()
}

pub fn title(in_doubt: InDoubt) -> &'static str {
    match in_doubt {
        InDoubt::Retry => "`in_doubt = \"retry\"` (the default)",
        InDoubt::Reconcile => "`reconcile = …`",
        InDoubt::Park => "`in_doubt = \"park\"`",
        InDoubt::Fail => "`in_doubt = \"fail\"`",
    }
}

/// Whether two processes died there, and where.
fn name((twice, boundary): (bool, Option<Boundary>)) -> String {
    match boundary {
        None => "nowhere".to_owned(),
        Some(boundary) if twice => format!("{boundary} twice"),
        Some(boundary) if boundary.needs_hook() => format!("{boundary} ¹"),
        Some(boundary) => boundary.to_string(),
    }
}
