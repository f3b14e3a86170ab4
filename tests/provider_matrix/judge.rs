//! What may not be, and what must have been seen.

use std::collections::BTreeMap;
use std::fmt;

use orch::{FinalOutcome, Keeps, Phase, Repeat, Says, Status, Word};

use crate::contracts::ROWS;
use crate::faults::Fault;
use crate::stores::Kind;
use crate::world::{self, Cell};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Completed,
    Parked,
    FailedUncertain,
    Failed,
}

fn end(cell: &Cell) -> End {
    match (&cell.operation.outcome, cell.operation.phase) {
        (Some(FinalOutcome::Ok(_)), _) => End::Completed,
        (Some(FinalOutcome::Failed(failure)), _) if failure.uncertain => End::FailedUncertain,
        (Some(FinalOutcome::Failed(_)), _) => End::Failed,
        (None, Some(Phase::Parked)) => End::Parked,
        (None, phase) => panic!("no end: {phase:?}: {cell}"),
    }
}

/// What holds for every cell.
fn check(cell: &Cell) {
    let (provider, operation) = (&cell.provider, &cell.operation);
    let calls = provider.calls();
    assert!(!calls.is_empty(), "never called: {cell}");
    assert_eq!(calls[0].step, cell.fault.step(), "{cell}");
    assert!(provider.charged() <= 1, "it acted {} times: {cell}", provider.charged());
    for call in &calls {
        assert!(provider.charges(&call.key) <= 1, "a key acted twice: {cell}");
    }
    match end(cell) {
        End::Completed => {
            assert_eq!(provider.charged(), 1, "COMPLETED: {cell}");
            let Some(FinalOutcome::Ok(receipt)) = &operation.outcome else { unreachable!() };
            assert_eq!(receipt.decode::<String>().unwrap(), "1", "another receipt: {cell}");
        }
        End::Failed => {
            assert_eq!(provider.charged(), 0, "plainly FAILED over an act: {cell}");
            // A call with the other body may have acted, before this operation was accepted.
            let word = |word: &Word| word.says == Says::OtherBody;
            let known = cell.fault == Fault::KnownWithOtherBody && cell.row.words.iter().any(word);
            assert!(!known, "plainly FAILED over a call of which nothing is known: {cell}");
        }
        End::FailedUncertain => assert_eq!(operation.status, Status::Failed),
        End::Parked => assert_eq!(operation.status, Status::InProgress),
    }
    if let Some(expected) = expected(cell) {
        assert_eq!(end(cell), expected, "{cell}");
    }
}

/// Where one end follows from the contract. Elsewhere the judge above is enough.
fn expected(cell: &Cell) -> Option<End> {
    use Fault::{DoneByUs, ErrorBeforeTheAct, ErrorBehindTheAct, InFlight, KeyExpired, LostAnswer};
    let acted =
        matches!(cell.fault, LostAnswer | ErrorBehindTheAct | InFlight | DoneByUs | KeyExpired);
    match (cell.row.repeat, cell.fault) {
        // It is asked, and finds what was done.
        _ if cell.reconciles && acted => Some(End::Completed),
        // Without a word for it, 422 is a refusal like any other.
        (_, Fault::KnownWithOtherBody) => None,
        // The call may have acted, and no repeated one is safe.
        (Repeat::Answers(Keeps::Successes) | Repeat::Refuses | Repeat::Acts, _)
            if !cell.reconciles =>
        {
            Some(End::Parked)
        }
        (Repeat::Answers(Keeps::Successes), ErrorBeforeTheAct) => Some(End::Completed),
        _ => None,
    }
}

async fn judge(kind: Kind) {
    let cells = world::run(kind).await;
    println!("{}", table(&cells));
    assert_eq!(cells.len(), ROWS.len() * Fault::ALL.len() * 2);
    cells.iter().for_each(check);
    // A contract whose default repeats calls was seen to do so, and the call to be the same.
    let repeated = |cell: &&Cell| !cell.reconciles && cell.provider.calls().len() > 1;
    let completed = cells.iter().filter(repeated).filter(|cell| end(cell) == End::Completed);
    assert!(completed.count() >= 5, "{}", table(&cells));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_a_provider_that_fails_is_never_charged_twice() {
    judge(Kind::Memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_sqlite_a_provider_that_fails_is_never_charged_twice() {
    judge(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_postgres_a_provider_that_fails_is_never_charged_twice() {
    judge(Kind::Postgres).await;
}

/// The ends, a line for each handler.
fn table(cells: &[Cell]) -> String {
    let mut lines: BTreeMap<(&str, bool), String> = BTreeMap::new();
    for cell in cells {
        let line = lines.entry((cell.row.name, cell.reconciles)).or_default();
        let (calls, effects) = (cell.provider.calls().len(), cell.provider.charged());
        line.push_str(&format!("  {:?} {:?} {calls}/{effects}", cell.fault, end(cell)));
    }
    let line =
        |((name, asked), line): (&(&str, bool), &String)| format!("{name} {asked}: {line}\n");
    lines.iter().map(line).collect()
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, fault, reconciles, operation, provider } = self;
        write!(f, "{}, {fault:?}, reconcile: {reconciles}: {operation:?}", row.name)?;
        write!(f, "\n{:?}", provider.calls())
    }
}
