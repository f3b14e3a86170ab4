//! The application's own rows, written inside the finalizing transaction: one per operation,
//! however often it is finalized.

use std::sync::{Arc, OnceLock};

use orch::prelude::*;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use crate::fate::{Fates, Point};
use crate::handlers::Receipt;

/// A hook takes no state, so this process's fate is found here.
pub(crate) static FATES: OnceLock<Arc<Fates>> = OnceLock::new();

async fn pass(point: Point) {
    if let Some(fates) = FATES.get() {
        fates.pass(point).await;
    }
}

pub(crate) async fn book_postgres(
    connection: &mut PgConnection,
    settled: &Settled<Receipt>,
) -> Result<(), sqlx::Error> {
    pass(Point::Hooking).await;
    if let Settled::Ok(receipt) = settled {
        sqlx::query("INSERT INTO chaos_booking (order_number, amount) VALUES ($1, $2)")
            .bind(receipt.order.cast_signed())
            .bind(receipt.amount.cast_signed())
            .execute(connection)
            .await?;
    }
    pass(Point::Hooked).await;
    Ok(())
}

pub(crate) async fn book_sqlite(
    connection: &mut SqliteConnection,
    settled: &Settled<Receipt>,
) -> Result<(), sqlx::Error> {
    pass(Point::Hooking).await;
    if let Settled::Ok(receipt) = settled {
        sqlx::query("INSERT INTO chaos_booking (order_number, amount) VALUES (?, ?)")
            .bind(receipt.order.cast_signed())
            .bind(receipt.amount.cast_signed())
            .execute(connection)
            .await?;
    }
    pass(Point::Hooked).await;
    Ok(())
}
