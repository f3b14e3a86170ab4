//! Every option of every macro at once.
#![forbid(unsafe_code)]

use orch::prelude::*;

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(
    biz_key = "{{refund}}-{payment}/{line}",
    domain = "PAYMENT",
    event = "REFUND",
    output = Vec<Receipt>,
    time_budget = "8760h",
    crate = ::orch
)]
struct Refund {
    payment: String,
    line: u32,
    #[command(idem_key)]
    request: String,
    #[command(idem_ignore)]
    sent_at: u64,
    #[command(idem_ignore)]
    #[serde(rename = "traceId")]
    trace_id: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Receipt;

#[derive(Debug, thiserror::Error, Outcome)]
enum Refused {
    #[outcome(fail, code = "REFUSED", uncertain)]
    #[error("refused")]
    Halfway,
    #[outcome(fail, code = "SPENT", clears_doubt)]
    #[error("spent")]
    Spent,
}

struct Connection;

async fn ask(_cmd: Refund) -> Result<Reconciled<Vec<Receipt>>, String> {
    Ok(Reconciled::NotHappened)
}

async fn book(
    _connection: &mut Connection,
    _ended: &FinalOutcome<Vec<Receipt>>,
    _of: &Envelope,
) -> Result<(), std::fmt::Error> {
    Ok(())
}

#[orchestrated(
    domain = "PAYMENT",
    event = "REFUND",
    binding = "command",
    attempt_timeout = "10m",
    max_attempts = 7,
    backoff(base = "100ms", cap = "2m"),
    reconcile = ask,
    completed_retention = "90d",
    failed_retention = "1y",
    finalize = book,
    crate = orch
)]
async fn refund(cmd: Refund) -> Result<Vec<Receipt>, Refused> {
    Err(if cmd.line == 0 { Refused::Halfway } else { Refused::Spent })
}

fn main() {}
