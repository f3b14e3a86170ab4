//! The last of many operations accepts the next one, inside its finalize hook: no operation waits.

use std::convert::Infallible;

use orch::Orchestrator;
use orch::prelude::*;
use orch_sqlite::SqliteStore;
use sqlx::{Connection, SqliteConnection};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "BATCH-{batch}/{page}")]
struct Print {
    #[command(idem_key)]
    batch: i64,
    page: i64,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "BATCH-{batch}")]
struct Bind {
    #[command(idem_key)]
    batch: i64,
}

#[orchestrated(domain = "BOOK", event = "PRINT", finalize = count_down)]
async fn print(cmd: Print, _ctx: Context) -> Result<i64, Infallible> {
    Ok(cmd.page)
}

#[orchestrated(domain = "BOOK", event = "BIND")]
async fn bind(cmd: Bind, _ctx: Context) -> Result<i64, Infallible> {
    Ok(cmd.batch)
}

/// In the transaction that ends a page: once for each, and in the order of the commits.
async fn count_down(
    conn: &mut SqliteConnection,
    ended: &FinalOutcome<i64>,
    of: &Envelope,
    desk: State<Orchestrator>,
    store: State<SqliteStore>,
) -> Result<(), anyhow::Error> {
    if matches!(ended, FinalOutcome::Failed(_)) {
        return Ok(()); // The batch waits for the page: run it again with a redrive.
    }
    let Print { batch, .. } = of.command.payload().decode()?;
    let count = "UPDATE batch SET missing = missing - 1 WHERE batch = ? RETURNING missing";
    let missing: i64 = sqlx::query_scalar(count).bind(batch).fetch_one(&mut *conn).await?;
    if missing == 0 {
        desk.accept(Bind { batch }).within(&*store, conn).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_last_page_has_the_book_bound_and_no_page_does_twice() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("books.db").display());
    let store = SqliteStore::open(&url).await.unwrap();
    let mut own = SqliteConnection::connect(&url).await.unwrap();
    for statement in [
        "CREATE TABLE batch (batch INTEGER PRIMARY KEY, missing INTEGER NOT NULL)",
        "INSERT INTO batch VALUES (1, 12), (2, 13)",
    ] {
        sqlx::query(statement).execute(&mut own).await.unwrap();
    }
    let front = Runtime::on(store.clone()).without_worker().start().await.unwrap();
    let desk = front.orchestrator();
    let runtime = Runtime::on(store.clone())
        .only([("BOOK", "PRINT"), ("BOOK", "BIND")])
        .state(desk.clone())
        .state(store)
        .start()
        .await
        .unwrap();
    let mut pages = Vec::new();
    for batch in [1, 2] {
        for page in 1..=12 {
            pages.push(desk.accept(Print { batch, page }).await.unwrap());
        }
    }
    for page in &pages {
        let waited = desk.wait(page, Duration::from_secs(60)).await.unwrap();
        assert!(matches!(waited, Waited::Ok(_)), "{waited:?}");
    }
    let missing = "SELECT missing FROM batch ORDER BY batch";
    let missing: Vec<i64> = sqlx::query_scalar(missing).fetch_all(&mut own).await.unwrap();
    assert_eq!(missing, [0, 1]);
    // The follow-up is there as soon as the last page has ended.
    let bound = desk.accept(Bind { batch: 1 }).await.unwrap();
    assert_eq!(bound.disposition, Disposition::Replayed);
    assert_eq!(desk.wait(&bound, Duration::from_secs(60)).await.unwrap(), Waited::Ok(1));
    let too_early = desk.accept(Bind { batch: 2 }).await.unwrap();
    assert_eq!(too_early.disposition, Disposition::Created);
    let _ = runtime.shutdown().await;
}
