//! The page "What happens when…": its tables are what ran.
//!
//! After a change: `ORCH_WRITE_PAGE=1 cargo test --test crash_matrix in_memory`, then read it.

use std::collections::BTreeMap;
use std::fmt::Write;

use orch::policies::{Effect, InDoubt};
use orch::words::{Phase, Settlement};
use orch_testkit::{Boundary, Cell};

use crate::databases::Kind;
use crate::judge::Reports;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/book/what-happens-when.md");
const BEGIN: &str = "<!-- from here on written by tests/crash_matrix/page.rs -->\n";
const END: &str = "<!-- up to here -->\n";
const ORDER: [InDoubt; 4] = [InDoubt::Retry, InDoubt::Reconcile, InDoubt::Park, InDoubt::Fail];

/// Compares the tables with what ran on this store, or writes them.
pub fn compare(kind: Kind, all: &[Reports]) {
    let tables = tables(all);
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the place for the tables");
    let (written, after) = rest.split_once(END).expect("the place has an end");
    if std::env::var_os("ORCH_WRITE_PAGE").is_some() && kind == Kind::Memory {
        std::fs::write(PAGE, format!("{before}{BEGIN}{tables}{END}{after}")).unwrap();
        return;
    }
    assert!(
        written == tables,
        "{kind:?}: the page does not tell what ran; after a change that is meant, write it anew: \
         ORCH_WRITE_PAGE=1 cargo test --test crash_matrix in_memory\n{tables}"
    );
}

/// What became of one cell, as the page tells it.
fn told(cell: &Cell) -> String {
    let operation = &cell.operation;
    let end = match (&operation.settlement, operation.phase) {
        (Some(Settlement::Ok { .. }), _) => "COMPLETED".to_owned(),
        (Some(Settlement::Failed(failure)), _) => {
            format!("FAILED `{}`{}", failure.code, if failure.uncertain { ", uncertain" } else { "" })
        }
        (None, Some(Phase::Parked)) => "IN_PROGRESS, parked".to_owned(),
        (None, phase) => format!("{} {phase:?}", operation.state),
    };
    let calls = match cell.keys.len() {
        0 => "no call".to_owned(),
        1 => "1 call".to_owned(),
        calls => format!("{calls} calls"),
    };
    let effects = match cell.effects {
        0 => "no effect",
        1 => "1 effect",
        _ => "SEVERAL EFFECTS",
    };
    format!("{end}<br>{calls}, {effects}")
}

/// By `in_doubt`, boundary and effect. With a hook everything is the same, and there are three
/// boundaries more.
fn tables(all: &[Reports]) -> String {
    let mut cells: BTreeMap<(usize, Option<Boundary>, usize), String> = BTreeMap::new();
    for Reports { plain, hooked } in all {
        let handler = plain.handler();
        let table = ORDER.iter().position(|in_doubt| *in_doubt == handler.in_doubt).unwrap();
        let effect = Effect::ALL.iter().position(|effect| *effect == handler.effect).unwrap();
        for cell in plain.cells() {
            cells.insert((table, cell.boundary, effect), told(cell));
        }
        for cell in hooked.cells() {
            let told = told(cell);
            let same = cells.entry((table, cell.boundary, effect)).or_insert(told.clone());
            assert_eq!(*same, told, "with and without a hook: {hooked}");
        }
    }
    let mut text = String::new();
    for (table, in_doubt) in ORDER.iter().enumerate() {
        writeln!(text, "\n### {}\n", title(*in_doubt)).unwrap();
        let effects: Vec<_> = Effect::ALL.iter().map(|effect| format!("`{effect}`")).collect();
        writeln!(text, "| the process dies… | {} |", effects.join(" | ")).unwrap();
        writeln!(text, "|---|{}", "---|".repeat(effects.len())).unwrap();
        for boundary in std::iter::once(None).chain(Boundary::ALL.map(Some)) {
            let row = (0..effects.len()).map(|effect| {
                cells.get(&(table, boundary, effect)).map_or("does not compile", String::as_str)
            });
            let row: Vec<_> = row.collect();
            writeln!(text, "| {} | {} |", when(boundary), row.join(" | ")).unwrap();
        }
    }
    text.push('\n');
    text
}

fn title(in_doubt: InDoubt) -> &'static str {
    match in_doubt {
        InDoubt::Retry => "`in_doubt = \"retry\"`, the default",
        InDoubt::Reconcile => "`reconcile = …`",
        InDoubt::Park => "`in_doubt = \"park\"`",
        InDoubt::Fail => "`in_doubt = \"fail\"`",
    }
}

fn when(boundary: Option<Boundary>) -> String {
    match boundary {
        None => "never".to_owned(),
        Some(boundary) => {
            let hook = if boundary.needs_hook() { " ¹" } else { "" };
            format!("**{boundary}**{hook}: {}", boundary.when())
        }
    }
}
