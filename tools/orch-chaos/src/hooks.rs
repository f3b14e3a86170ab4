//! The application's own rows, written inside the finalizing transaction: one per operation,
//! however often it is finalized.

use std::sync::{Arc, OnceLock};

use orch::internals::words::Undecodable;
use orch::prelude::*;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use crate::fate::{Fates, Point};
use crate::handlers::Receipt;
use crate::order::Body;

/// A hook takes no state, so this process's fate is found here.
pub(crate) static FATES: OnceLock<Arc<Fates>> = OnceLock::new();

async fn pass(point: Point) {
    if let Some(fates) = FATES.get() {
        fates.pass(point).await;
    }
}

pub(crate) async fn book_postgres(
    connection: &mut PgConnection,
    ended: &FinalOutcome<Receipt>,
    of: &Envelope,
) -> Result<(), BookingError> {
    pass(Point::Hooking).await;
    let (order, amount) = booking(ended, of)?;
    sqlx::query("INSERT INTO chaos_booking (order_number, amount) VALUES ($1, $2)")
        .bind(order)
        .bind(amount)
        .execute(connection)
        .await?;
    pass(Point::Hooked).await;
    Ok(())
}

pub(crate) async fn book_sqlite(
    connection: &mut SqliteConnection,
    ended: &FinalOutcome<Receipt>,
    of: &Envelope,
) -> Result<(), BookingError> {
    pass(Point::Hooking).await;
    let (order, amount) = booking(ended, of)?;
    sqlx::query("INSERT INTO chaos_booking (order_number, amount) VALUES (?, ?)")
        .bind(order)
        .bind(amount)
        .execute(connection)
        .await?;
    pass(Point::Hooked).await;
    Ok(())
}

/// Order and amount; nothing is booked for what has failed, but that it has.
fn booking(ended: &FinalOutcome<Receipt>, of: &Envelope) -> Result<(i64, i64), BookingError> {
    let body: Body = of.command.payload().decode()?;
    let amount = match ended {
        FinalOutcome::Ok(receipt) => receipt.amount,
        FinalOutcome::Failed(_) => 0,
    };
    Ok((body.order.cast_signed(), amount.cast_signed()))
}

/// Why a booking could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookingError {
    /// The command is not ours.
    #[error(transparent)]
    Command(#[from] Undecodable),
    /// The database did not take it.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
