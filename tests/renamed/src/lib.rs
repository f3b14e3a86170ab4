#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub, unused, clippy::all, clippy::pedantic)]
//! A user's crate that calls orch `conductor`, under strict lints.

use std::time::Duration;

use conductor::prelude::*;

/// Charges a card.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}", crate = conductor)]
pub struct Charge {
    /// The order.
    pub order_id: u64,
}

/// Says that the card is charged. Bound here, handled in the tests of this crate.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(
    biz_key = "ORDER-{order_id}",
    domain = "RENAMED",
    event = "NOTIFY",
    output = u64,
    crate = conductor
)]
pub struct Notify {
    /// The order.
    pub order_id: u64,
    /// The key of the request.
    #[command(idem_key)]
    pub request: String,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(crate = conductor)]
pub enum ChargeError {
    /// Try again.
    #[outcome(retry, after = wait)]
    #[error("wait {wait:?}")]
    Busy {
        /// How long.
        wait: Duration,
    },
}

/// The ledger of the shop.
#[derive(Debug)]
pub struct Ledger;

/// Charges the card.
///
/// # Errors
/// [`ChargeError`].
#[orchestrated(
    domain = "RENAMED",
    event = "CHARGE",
    reconcile = ask,
    finalize = book,
    crate = conductor
)]
#[deprecated(note = "to see that the macro's own use of it is quiet")]
#[allow(clippy::unused_async)]
pub async fn charge(cmd: Charge, ctx: Context) -> Result<u64, ChargeError> {
    if ctx.attempt() > 1 {
        Err(ChargeError::Busy { wait: Duration::ZERO })
    } else {
        Ok(cmd.order_id)
    }
}

#[allow(clippy::unused_async)]
async fn ask(_cmd: Charge) -> Reconciled<u64> {
    Reconciled::NotHappened
}

#[allow(clippy::unused_async)]
async fn book(_ledger: &mut Ledger, _ended: &FinalOutcome<u64>) -> Result<(), std::fmt::Error> {
    Ok(())
}

#[cfg(any())]
#[orchestrated(domain = "RENAMED", event = "CHARGE", crate = conductor)]
async fn left_out_before(_cmd: Charge) -> Result<u64, ChargeError> {
    Ok(1)
}

#[orchestrated(domain = "RENAMED", event = "CHARGE", crate = conductor)]
#[cfg(any())]
async fn left_out_behind(_cmd: Charge) -> Result<u64, ChargeError> {
    Ok(1)
}
