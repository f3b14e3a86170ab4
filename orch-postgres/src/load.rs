use std::collections::HashMap;

use orch_core::machine::{Entry, Request, Row};
use orch_core::store::{Claim, StoreError, columns};
use orch_core::words::{Fence, Operation, Timestamp};
use sqlx::postgres::PgRow;

use crate::column::{Named, column, instant, op_id};
use crate::db::Db;
use crate::lease::claim_columns;
use crate::pool::arguments;

pub(crate) const LOAD: &str = include_str!("../queries/load.sql");

/// An operation as it was read.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) row: Row,
    pub(crate) request: Request,
    /// What is logged under the claim that was asked about, or what is wrong with that.
    pub(crate) entry: Result<Option<Entry>, String>,
}

impl Stored {
    /// Reads a row of `orch_status`.
    ///
    /// # Errors
    /// What is wrong with it, without the content.
    pub(crate) fn decode(row: &PgRow) -> Result<Self, String> {
        let row = Named(row);
        Ok(Self { row: columns::row(&row)?, request: columns::request(&row)?, entry: Ok(None) })
    }

    /// What is logged under this claim, which was asked about.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it cannot be decoded.
    pub(crate) fn entry(&self, claim: Claim) -> Result<Option<Entry>, StoreError> {
        let corrupt = |reason| StoreError::Corrupt { op_id: claim.op_id, reason };
        self.entry.clone().map_err(corrupt)
    }

    fn decode_with_entry(row: &PgRow) -> Result<Self, String> {
        Ok(Self { entry: columns::entry(&Named(row)), ..Self::decode(row)? })
    }
}

/// The operation of a row of `orch_status`, as readers see it.
pub(crate) fn operation(row: &PgRow) -> Result<Operation, StoreError> {
    match Stored::decode(row) {
        Ok(Stored { row, request, .. }) => Ok(row.operation(request)),
        Err(reason) => {
            let op_id = op_id(row, "op_id").map_err(StoreError::fatal)?;
            Err(StoreError::Corrupt { op_id, reason })
        }
    }
}

/// An instant, and operations as they were at it; the inner error says what cannot be decoded.
pub(crate) type Loaded = (Timestamp, HashMap<Claim, Result<Stored, StoreError>>);

/// The operations of these claims, each with its entry. What is not there is left out.
pub(crate) async fn load(db: &Db, claims: &[Claim]) -> Result<Loaded, StoreError> {
    let (ids, fences) = claim_columns(claims);
    decode(&db.fetch(LOAD, arguments![db.now(), ids, fences]).await?)
}

/// The rows of load.sql and their instant.
pub(crate) fn decode(rows: &[PgRow]) -> Result<Loaded, StoreError> {
    let mut now = Timestamp::from_micros(0);
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let claim = asked(row).map_err(StoreError::fatal)?;
        now = instant(row, "now").map_err(StoreError::fatal)?;
        let corrupt = |reason| StoreError::Corrupt { op_id: claim.op_id, reason };
        found.insert(claim, Stored::decode_with_entry(row).map_err(corrupt));
    }
    Ok((now, found))
}

fn asked(row: &PgRow) -> Result<Claim, String> {
    Ok(Claim { op_id: op_id(row, "op_id")?, fence: Fence::new(column(row, "asked_fence")?) })
}
