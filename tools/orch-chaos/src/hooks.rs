//! The application's own rows, written inside the finalizing transaction: one per operation,
//! however often it is finalized.

use std::sync::{Arc, OnceLock};

use orch::internals::words::Undecodable;
use orch::prelude::*;
use orch_lab::ledger::{Body, Receipt};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use crate::fate::{Fates, Point};
use crate::release::Slip;

/// A hook takes no state, so this process's fate is found here.
pub(crate) static FATES: OnceLock<Arc<Fates>> = OnceLock::new();

async fn pass(point: Point) {
    if let Some(fates) = FATES.get() {
        fates.pass(point).await;
    }
}

/// The same hook for each backend, whose connections differ.
macro_rules! book {
    ($name:ident, $connection:ty, $output:ty, $insert:literal) => {
        pub(crate) async fn $name(
            connection: &mut $connection,
            ended: &FinalOutcome<$output>,
            of: &Envelope,
        ) -> Result<(), BookingError> {
            pass(Point::Hooking).await;
            let (order, amount) = booking(ended, of, |given| given.amount)?;
            sqlx::query($insert).bind(order).bind(amount).execute(connection).await?;
            pass(Point::Hooked).await;
            Ok(())
        }
    };
}

book!(
    book_postgres,
    PgConnection,
    Receipt,
    "INSERT INTO chaos_booking (order_number, amount) VALUES ($1, $2)"
);
book!(
    book_sqlite,
    SqliteConnection,
    Receipt,
    "INSERT INTO chaos_booking (order_number, amount) VALUES (?, ?)"
);
book!(
    book_slip_postgres,
    PgConnection,
    Slip,
    "INSERT INTO chaos_booking (order_number, amount) VALUES ($1, $2)"
);
book!(
    book_slip_sqlite,
    SqliteConnection,
    Slip,
    "INSERT INTO chaos_booking (order_number, amount) VALUES (?, ?)"
);

/// Order and amount; nothing is booked for what has failed, but that it has.
fn booking<T>(
    ended: &FinalOutcome<T>,
    of: &Envelope,
    amount: fn(&T) -> u64,
) -> Result<(i64, i64), BookingError> {
    let body: Body = of.command.payload().decode()?;
    let amount = match ended {
        FinalOutcome::Ok(given) => amount(given),
        FinalOutcome::Failed(_) => 0,
    };
    Ok((body.order_id.cast_signed(), amount.cast_signed()))
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
