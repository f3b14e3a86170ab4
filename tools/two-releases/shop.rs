//! One program, built against two releases of orch: `scripts/two-releases` runs both on one database
//! while the newer one migrates it. It uses only what both releases have.
//!
//! ```text
//! shop accept DATABASE FROM TO     accepts these orders, each until it is acknowledged
//! shop work DATABASE PROVIDER      a worker, until it is ended
//! ```

use std::sync::Arc;
use std::time::Duration;

use orch::prelude::*;
use orch::{Config, Runtime};
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Charge {
    order: i64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry)]
    #[error("the provider is busy")]
    Busy,
    #[outcome(in_doubt)]
    #[error("the provider has not answered")]
    NoAnswer,
}

/// A provider that writes down each call with its key.
struct Provider(Arc<Mutex<PgConnection>>);

impl Provider {
    async fn called(&self, order: i64, key: &str) -> std::result::Result<(), sqlx::Error> {
        let call = "INSERT INTO provider_call (order_id, key) VALUES ($1, $2)";
        let query = sqlx::query(call).bind(order).bind(key.to_owned());
        query.execute(&mut *self.0.lock().await).await.map(drop)
    }
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", max_attempts = 20)]
async fn charge(
    command: Charge,
    ctx: Context,
    provider: State<Provider>,
) -> std::result::Result<i64, ChargeError> {
    let key = ctx.provider_key().to_string();
    provider.called(command.order, &key).await.map_err(|_| ChargeError::NoAnswer)?;
    tokio::time::sleep(Duration::from_millis(20)).await;
    // One order in sixteen gets Busy at its first attempt.
    if command.order % 16 == 0 && ctx.attempt() == 1 {
        return Err(ChargeError::Busy);
    }
    Ok(command.order)
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["accept", database, from, to] => accept(database, from.parse()?, to.parse()?).await,
        ["work", database, provider] => work(database, provider).await,
        _ => Err("shop accept DATABASE FROM TO | shop work DATABASE PROVIDER".into()),
    }
}

async fn accept(database: &str, from: i64, to: i64) -> Result<()> {
    let runtime = Runtime::connect(database).without_worker().start().await?;
    for order in from..to {
        let accept = runtime.orchestrator().accept(Charge { order });
        match accept.idem_key(format!("key-{order}"))?.await {
            Ok(accepted) => println!("{order} {}", accepted.op_id),
            // A client of the release before is refused once the database is migrated.
            Err(error) => return Err(format!("order {order}: {error}").into()),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

async fn work(database: &str, provider: &str) -> Result<()> {
    let connection = PgConnection::connect(provider).await?;
    let mut config = Config::default();
    config.lease = Duration::from_secs(2);
    config.concurrency = 32;
    let runtime = Runtime::connect(database)
        .state(Provider(Arc::new(Mutex::new(connection))))
        .config(config)
        .start()
        .await?;
    std::future::pending::<()>().await;
    let _ = runtime.shutdown().await;
    Ok(())
}
