//! A process of one release dies, and one of another release takes over: a field, a finalize hook or a
//! reconcile that only the new one has.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use orch::OpId;
use orch::internals::policies::Effect;
use orch::memory::MemoryConnection;
use orch::prelude::*;
use orch_testkit::{Boundary, Cell, Report, crash_matrix};

use crate::api::Api;
use crate::databases::{Kind, Shared};

/// What the old release adds to a receipt, so that it shows which one has ended an operation.
const BY_OLD: u64 = 100;

/// A kind as both releases have it: two commands, since a command has one handler.
macro_rules! releases {
    (
        $name:ident $old:literal $new:literal,
        { $($(#[$attribute:meta])* $field:ident: $type:ty = $value:expr)? } [$($option:tt)*]
    ) => {
        mod $name {
            use super::*;

            #[derive(Serialize, Deserialize, Command)]
            #[command(biz_key = "ORDER-{order_id}")]
            struct Old {
                order_id: u64,
            }

            #[orchestrated(domain = "RELEASES", event = $old)]
            async fn old(_: Old, ctx: Context, api: State<Arc<Api>>) -> Result<u64, Infallible> {
                Ok(api.call(ctx.provider_key().as_str()).await + BY_OLD)
            }

            #[derive(Serialize, Deserialize, Command)]
            #[command(biz_key = "ORDER-{order_id}")]
            struct New {
                order_id: u64,
                $($(#[$attribute])* $field: $type,)?
            }

            #[orchestrated(domain = "RELEASES", event = $new, $($option)*)]
            async fn new(_: New, ctx: Context, api: State<Arc<Api>>) -> Result<u64, Infallible> {
                Ok(api.call(ctx.provider_key().as_str()).await)
            }

            #[allow(dead_code, reason = "one of the kinds asks")]
            async fn ask(_: New, api: State<Arc<Api>>) -> Reconciled<u64> {
                api.happened().map_or(Reconciled::NotHappened, Reconciled::Happened)
            }

            /// The old one dies, and the new one takes over.
            pub(super) async fn rolled_out(shared: &Shared) -> Report {
                let shared = shared.clone();
                crash_matrix(old, Old { order_id: 1 })
                    .against(|| Api::new(Effect::Keyed))
                    .state(Arc::clone)
                    .on(move || shared.of_a_cell())
                    .taken_over_by(new)
                    .run()
                    .await
            }

            /// The new one dies, and the old one takes over, or leaves it.
            pub(super) async fn rolled_back(shared: &Shared) -> Report {
                let shared = shared.clone();
                crash_matrix(new, New { order_id: 1, $($field: $value)? })
                    .against(|| Api::new(Effect::Keyed))
                    .state(Arc::clone)
                    .on(move || shared.of_a_cell())
                    .taken_over_by(old)
                    .run()
                    .await
            }
        }
    };
}

releases!(field "FIELD.OLD" "FIELD.NEW", { #[serde(default)] note: String = "gift".into() } []);
releases!(asked "RECONCILE.OLD" "RECONCILE.NEW", {} [reconcile = ask]);
releases!(in_memory "HOOK.MEMORY.OLD" "HOOK.MEMORY.NEW", {} [finalize = book_memory]);
releases!(in_sqlite "HOOK.SQLITE.OLD" "HOOK.SQLITE.NEW", {} [finalize = book_sqlite]);
releases!(in_postgres "HOOK.POSTGRES.OLD" "HOOK.POSTGRES.NEW", {} [finalize = book_postgres]);

/// What was booked in memory, where nothing is rolled back.
static BOOKED: Mutex<Vec<OpId>> = Mutex::new(Vec::new());

async fn book_memory(
    _: &mut MemoryConnection,
    _: &FinalOutcome<u64>,
    of: &Envelope,
) -> Result<(), Infallible> {
    BOOKED.lock().unwrap().push(of.op_id);
    Ok(())
}

async fn book_sqlite(
    connection: &mut sqlx::SqliteConnection,
    _: &FinalOutcome<u64>,
    of: &Envelope,
) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO booked (op_id) VALUES (?)").bind(of.op_id.to_string());
    insert.execute(connection).await.map(drop)
}

async fn book_postgres(
    connection: &mut sqlx::PgConnection,
    _: &FinalOutcome<u64>,
    of: &Envelope,
) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO booked (op_id) VALUES ($1)").bind(of.op_id.to_string());
    insert.execute(connection).await.map(drop)
}

/// Where the dead process had not begun, so that the other one makes the first call.
fn had_not_begun(cell: &Cell) -> bool {
    let before = [Boundary::Accepting, Boundary::Accepted, Boundary::Claiming];
    cell.boundary.is_some_and(|boundary| before.contains(&boundary))
}

/// Where the dead process had ended the operation, or there was none that died.
fn had_ended(cell: &Cell) -> bool {
    matches!(cell.boundary, None | Some(Boundary::Finalized))
}

/// The output of a cell whose operation is COMPLETED.
fn output(cell: &Cell) -> u64 {
    match &cell.operation.outcome {
        Some(FinalOutcome::Ok(output)) => output.decode().unwrap(),
        other => panic!("{:?}: {other:?}", cell.boundary),
    }
}

/// The report of a matrix in which all that a handler of this release has was killed.
fn complete(report: Report, hooked: bool) -> Report {
    report.assert_safe();
    let boundaries = Boundary::ALL.iter().filter(|it| hooked || !it.needs_hook()).count();
    assert_eq!(report.cells().len(), 1 + boundaries, "{report}");
    report
}

async fn a_field_is_never_dropped(kind: Kind) {
    let shared = kind.create().await;
    let rolled_out = complete(field::rolled_out(&shared).await, false);
    for cell in rolled_out.cells() {
        let by_old = if had_ended(cell) { BY_OLD } else { 0 };
        assert_eq!(output(cell), 1 + by_old, "{:?}\n{rolled_out}", cell.boundary);
    }
    let rolled_back = complete(field::rolled_back(&shared).await, false);
    for cell in rolled_back.cells() {
        assert_eq!(output(cell), 1, "{:?}: the new one has run it\n{rolled_back}", cell.boundary);
    }
}

async fn doubt_is_asked_about(kind: Kind) {
    let shared = kind.create().await;
    for report in [asked::rolled_out(&shared).await, asked::rolled_back(&shared).await] {
        let report = complete(report, false);
        for cell in report.cells() {
            assert_eq!(cell.keys.len(), 1, "{:?}: called once\n{report}", cell.boundary);
        }
    }
}

async fn each_end_has_its_hook(kind: Kind) {
    let shared = kind.create().await;
    if kind != Kind::Memory {
        shared.execute("CREATE TABLE booked (op_id text NOT NULL)").await;
    }
    let (rolled_out, rolled_back) = match kind {
        Kind::Memory => {
            (in_memory::rolled_out(&shared).await, in_memory::rolled_back(&shared).await)
        }
        Kind::Sqlite => {
            (in_sqlite::rolled_out(&shared).await, in_sqlite::rolled_back(&shared).await)
        }
        Kind::Postgres => {
            (in_postgres::rolled_out(&shared).await, in_postgres::rolled_back(&shared).await)
        }
    };
    let booked = booked(&shared).await;
    let times = |cell: &Cell| {
        let op_id = cell.operation.op_id.to_string();
        booked.iter().filter(|booked| **booked == op_id).count()
    };
    let rolled_out = complete(rolled_out, false);
    for cell in rolled_out.cells() {
        assert_eq!(times(cell), usize::from(!had_ended(cell)), "{:?}", cell.boundary);
    }
    let rolled_back = complete(rolled_back, true);
    for cell in rolled_back.cells() {
        // In memory the row of a hook that died stays.
        let times = if kind == Kind::Memory { times(cell).min(1) } else { times(cell) };
        assert_eq!(times, usize::from(!had_not_begun(cell)), "{:?}", cell.boundary);
    }
}

async fn booked(shared: &Shared) -> Vec<String> {
    match shared {
        Shared::Memory => BOOKED.lock().unwrap().iter().map(OpId::to_string).collect(),
        shared => shared.texts("SELECT op_id FROM booked").await,
    }
}

#[tokio::test]
async fn in_memory_a_field_that_one_release_has_is_never_dropped() {
    a_field_is_never_dropped(Kind::Memory).await;
}

#[tokio::test]
async fn in_sqlite_a_field_that_one_release_has_is_never_dropped() {
    a_field_is_never_dropped(Kind::Sqlite).await;
}

#[tokio::test]
async fn in_postgres_a_field_that_one_release_has_is_never_dropped() {
    a_field_is_never_dropped(Kind::Postgres).await;
}

#[tokio::test]
async fn in_memory_doubt_is_asked_about_if_one_release_can() {
    doubt_is_asked_about(Kind::Memory).await;
}

#[tokio::test]
async fn in_sqlite_doubt_is_asked_about_if_one_release_can() {
    doubt_is_asked_about(Kind::Sqlite).await;
}

#[tokio::test]
async fn in_postgres_doubt_is_asked_about_if_one_release_can() {
    doubt_is_asked_about(Kind::Postgres).await;
}

#[tokio::test]
async fn in_memory_each_end_has_the_hook_of_its_release() {
    each_end_has_its_hook(Kind::Memory).await;
}

#[tokio::test]
async fn in_sqlite_each_end_has_the_hook_of_its_release() {
    each_end_has_its_hook(Kind::Sqlite).await;
}

#[tokio::test]
async fn in_postgres_each_end_has_the_hook_of_its_release() {
    each_end_has_its_hook(Kind::Postgres).await;
}
