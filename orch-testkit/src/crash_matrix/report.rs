use std::fmt;

use orch_core::handler::{Descriptor, Registration};
use orch_core::words::{FinalOutcome, Operation, Phase};

use super::judge::{CellFault, judge};
use super::{Boundary, Cell, Telling};

/// What became of the operation in every cell. Prints as a table, with what is wrong below it.
#[derive(Debug, Clone)]
#[must_use = "a report that is not checked proves nothing: call `assert_safe`"]
pub struct Report {
    handler: Descriptor,
    hooked: bool,
    cells: Vec<Cell>,
    faults: Vec<CellFault>,
}

impl Report {
    pub(super) fn new(
        registration: &Registration,
        cells: Vec<Cell>,
        reference_in_command: bool,
    ) -> Self {
        let (handler, hooked) = (registration.descriptor, registration.finalize.is_some());
        let faults = judge(&handler, &cells, reference_in_command);
        Self { handler, hooked, cells, faults }
    }

    /// Fails the test unless every cell is right: at most one effect at the provider, a definite
    /// end, every call with one key or the command's reference, no message of the provider's lost.
    ///
    /// # Panics
    /// With the whole table and, for each wrong cell, what to do.
    #[track_caller]
    pub fn assert_safe(&self) {
        assert!(self.faults.is_empty(), "\n{self}");
    }

    /// What the handler declares.
    #[must_use]
    pub const fn handler(&self) -> &Descriptor {
        &self.handler
    }

    /// The cells, in the order of an attempt; the run without a kill comes first, and those in which
    /// two processes died come last.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// What is wrong; empty if all is right.
    #[must_use]
    pub fn faults(&self) -> &[CellFault] {
        &self.faults
    }

    /// The boundaries that this handler does not have, because it has no finalize hook.
    pub fn not_there(&self) -> impl Iterator<Item = Boundary> {
        let hooked = self.hooked;
        Boundary::ALL.into_iter().filter(move |boundary| boundary.needs_hook() && !hooked)
    }
}

impl Cell {
    /// Where the operation ended: its status, and what there is to know beside it.
    #[must_use]
    pub fn end(&self) -> String {
        let Operation { outcome, phase, status, .. } = &self.operation;
        match (outcome, phase) {
            (Some(FinalOutcome::Ok(_)), _) => "COMPLETED".to_owned(),
            (Some(FinalOutcome::Failed(failure)), _) if failure.uncertain => {
                format!("FAILED {}, uncertain", failure.code)
            }
            (Some(FinalOutcome::Failed(failure)), _) => format!("FAILED {}", failure.code),
            (None, Some(Phase::Parked)) => "parked".to_owned(),
            (None, Some(phase)) => format!("{status} {phase}"),
            (None, None) => status.to_string(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Descriptor { name, domain, event_type, effect, in_doubt, .. } = self.handler;
        writeln!(f, "{name} ({domain}/{event_type}): effect {effect}, in doubt {in_doubt}\n")?;
        let rows: Vec<[String; 6]> = self.cells.iter().map(|cell| self.row(cell)).collect();
        let head =
            ["killed", "the operation", "attempts", "calls", "effects", ""].map(str::to_owned);
        write_table(f, &head, &rows)?;
        let missing: Vec<_> = self.not_there().map(Boundary::as_str).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            writeln!(
                f,
                "\nnot there without a finalize hook, since log and status are one: {missing}"
            )?;
        }
        for (boundaries, CellFault { what, remedy, .. }) in self.grouped() {
            writeln!(f, "\n{}: {what}\n  do this: {remedy}", boundaries.join(", "))?;
        }
        Ok(())
    }
}

impl Report {
    /// The same fault in several cells is told once.
    fn grouped(&self) -> Vec<(Vec<String>, &CellFault)> {
        let mut groups: Vec<(Vec<String>, &CellFault)> = Vec::new();
        for fault in &self.faults {
            let same = |(_, other): &&mut (Vec<_>, &CellFault)| {
                (&other.what, &other.remedy) == (&fault.what, &fault.remedy)
            };
            let killed = killed(fault.boundary, fault.deaths, fault.told);
            match groups.iter_mut().find(same) {
                Some((boundaries, _)) => boundaries.push(killed),
                None => groups.push((vec![killed], fault)),
            }
        }
        groups
    }

    fn row(&self, cell: &Cell) -> [String; 6] {
        let of = |fault: &CellFault| {
            (fault.boundary, fault.deaths, fault.told) == (cell.boundary, cell.deaths, cell.told)
        };
        let wrong = self.faults.iter().any(of);
        [
            killed(cell.boundary, cell.deaths, cell.told),
            cell.end(),
            cell.operation.attempt.to_string(),
            cell.keys.len().to_string(),
            cell.effects.to_string(),
            if wrong { "WRONG" } else { "ok" }.to_owned(),
        ]
    }
}

fn killed(boundary: Option<Boundary>, deaths: usize, told: Option<Telling>) -> String {
    match (boundary, told) {
        (None, _) => "never".to_owned(),
        (Some(boundary), Some(telling)) => format!("{boundary}, {telling}"),
        (Some(boundary), None) if deaths > 1 => format!("{boundary} twice"),
        (Some(boundary), None) => boundary.to_string(),
    }
}

fn write_table(
    f: &mut fmt::Formatter<'_>,
    head: &[String; 6],
    rows: &[[String; 6]],
) -> fmt::Result {
    let width = |column: usize| {
        let cells = rows.iter().chain([head]).map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in std::iter::once(head).chain(rows) {
        let line: Vec<String> =
            row.iter().zip(&widths).map(|(text, &width)| format!("{text:<width$}")).collect();
        writeln!(f, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}
