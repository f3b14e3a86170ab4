//! Charges a card once, although the first call fails and the client asks twice.

use std::sync::atomic::{AtomicBool, Ordering};

use orch::prelude::*;

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
    amount: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry)]
    #[error("the gateway is busy")]
    Busy,
}

/// Stands for your HTTP client. Busy when it is first called.
#[derive(Default)]
struct Gateway(AtomicBool);

impl Gateway {
    async fn charge(&self, cmd: &Charge, key: &str) -> Result<String, ChargeError> {
        if !self.0.swap(true, Ordering::Relaxed) {
            return Err(ChargeError::Busy);
        }
        Ok(format!("{} KRW, receipt {}", cmd.amount, &key[..8]))
    }
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE")]
async fn charge(cmd: Charge, ctx: Context, gateway: State<Gateway>) -> Result<String, ChargeError> {
    gateway.charge(&cmd, ctx.provider_key().as_str()).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime =
        Runtime::connect("sqlite://payments.db").state(Gateway::default()).start().await?;
    let orchestrator = runtime.orchestrator();
    for _ in 0..2 {
        let command = Charge { order_id: 123, amount: 50_000 };
        let accepted = orchestrator.accept(command).idem_key("checkout-123")?.await?;
        println!("{:?} operation {}", accepted.disposition, accepted.op_id);
        match orchestrator.wait(&accepted, Duration::from_secs(10)).await? {
            Waited::Ok(receipt) => println!("charged {receipt}"),
            Waited::Failed(failure) => println!("failed: {}", failure.message),
            Waited::Pending(_) => println!("accepted; ask again later"),
        }
    }
    let _ = runtime.shutdown().await;
    Ok(())
}
