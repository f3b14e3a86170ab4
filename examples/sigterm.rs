//! A worker that ends well: on SIGTERM it takes nothing more, and waits for the calls that are out.
#![allow(clippy::disallowed_methods, reason = "a sleep stands for the gateway")]

use std::convert::Infallible;

use orch::prelude::*;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    #[command(idem_key)]
    order_id: u64,
}

/// Stands for a gateway that takes two seconds.
#[orchestrated(domain = "PAYMENT", event = "CHARGE", attempt_timeout = "20s")]
async fn charge(cmd: Charge, _ctx: Context) -> Result<String, Infallible> {
    println!("calling for order {}", cmd.order_id);
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(format!("receipt {}", cmd.order_id))
}

/// Returns when the process is asked to end: by Kubernetes, systemd or docker, or at a terminal.
async fn asked_to_end() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Longer than `attempt_timeout`, so that no call is cut off; less than the 30 s that Kubernetes
    // leaves a pod by default.
    let config = Config::default().drain_timeout(Duration::from_secs(25));
    let mut end = std::pin::pin!(asked_to_end());
    let runtime = tokio::select! {
        started = Runtime::connect("sqlite://payments.db").config(config).start() => started?,
        // The start waits for a database that is down. Nothing is claimed before it returns.
        asked = &mut end => return Ok(asked?),
    };
    runtime.orchestrator().accept(Charge { order_id: 7 }).await?;

    end.await?;
    // A web process has closed its listener by now, so that no request comes any more.
    let drained = runtime.shutdown().await;
    println!("drained: {} cancelled, {} not stored", drained.cancelled, drained.unstored);
    Ok(())
}
