//! The order and its charge in one transaction: there is never an order that nobody charges, nor
//! a charge for an order that was rolled back.

use std::convert::Infallible;

use orch::prelude::*;
use orch::sqlite::SqliteStore;
use orch::{ListParams, Orchestrator};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    #[command(idem_key)]
    order_id: i64,
    amount: i64,
}

/// Stands for the call to the gateway.
#[orchestrated(domain = "PAYMENT", event = "CHARGE")]
async fn charge(cmd: Charge, _ctx: Context) -> std::result::Result<String, Infallible> {
    Ok(format!("ch_{}", cmd.order_id))
}

/// The application's own database, in which orch keeps its tables too.
struct Shop {
    pool: SqlitePool,
    store: SqliteStore,
    orchestrator: Orchestrator,
}

/// What happens after both rows are written, and before the commit.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Commit,
    /// The cart has changed, a constraint fails, the process dies: it is all one.
    RollBack,
}

impl Shop {
    /// The outbox: writes the order, accepts its charge, in one transaction. No call is made
    /// here; a worker sees the operation once the transaction has committed.
    async fn check_out(&self, order_id: i64, then: Then) -> Result<Accepted<Charge>> {
        // IMMEDIATE takes SQLite's write lock now, rather than fail half-way for want of it.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO purchase (order_id, amount) VALUES (?, 50000)")
            .bind(order_id)
            .execute(&mut *transaction)
            .await?;
        let accepted = self
            .orchestrator
            .accept(Charge { order_id, amount: 50_000 })
            .within(&self.store, &mut *transaction)
            .await?;
        match then {
            Then::Commit => {
                transaction.commit().await?;
                self.orchestrator.wake();
            }
            Then::RollBack => transaction.rollback().await?,
        }
        Ok(accepted)
    }

    /// How many orders and how many operations there are.
    async fn counts(&self) -> Result<(i64, usize)> {
        let orders =
            sqlx::query_scalar("SELECT count(*) FROM purchase").fetch_one(&self.pool).await?;
        let operations = self.orchestrator.list(ListParams::default()).await?.items.len();
        Ok((orders, operations))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("shop.db");
    let store = SqliteStore::open(&format!("sqlite://{}", file.display())).await?;
    let runtime = Runtime::on(store.clone()).start().await?;
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&file)).await?;
    sqlx::query("CREATE TABLE purchase (order_id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)")
        .execute(&pool)
        .await?;
    let shop = Shop { pool, store, orchestrator: runtime.orchestrator().clone() };

    let gone = shop.check_out(1, Then::RollBack).await?;
    assert_eq!(shop.counts().await?, (0, 0));
    assert!(shop.orchestrator.get(gone.op_id).await?.is_none());
    println!("rolled back: 0 orders, 0 operations");

    let kept = shop.check_out(2, Then::Commit).await?;
    assert_eq!(shop.counts().await?, (1, 1));
    println!("committed: 1 order, 1 operation");

    match shop.orchestrator.wait(&kept, Duration::from_secs(10)).await? {
        Waited::Ok(receipt) => println!("order 2 is paid with receipt {receipt}"),
        other => return Err(format!("order 2 is not paid: {other:?}").into()),
    }
    let _ = runtime.shutdown().await;
    Ok(())
}
