use std::time::Duration;

use orch_core::store::columns::Columns;
use orch_core::words::{Kind, OpId, Timestamp};
use sqlx::postgres::{PgRow, Postgres};
use sqlx::types::Uuid;
use sqlx::{Decode, Row as _, Type};

use crate::time::At;

/// A row, for the decoders that all SQL backends share.
pub(crate) struct Named<'r>(pub(crate) &'r PgRow);

impl Columns for Named<'_> {
    fn number(&self, name: &str) -> Result<Option<i64>, String> {
        column(self.0, name)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        column(self.0, name)
    }

    fn text(&self, name: &str) -> Result<Option<&str>, String> {
        column(self.0, name)
    }

    fn bytes(&self, name: &str) -> Result<Option<&[u8]>, String> {
        column(self.0, name)
    }

    fn instant(&self, name: &str) -> Result<Option<Timestamp>, String> {
        Ok(column::<Option<At>>(self.0, name)?.map(|at| at.0))
    }

    fn id(&self, name: &str) -> Result<Option<OpId>, String> {
        Ok(column::<Option<Uuid>>(self.0, name)?.map(from_uuid))
    }
}

/// A column; the error names it and not what is in it.
pub(crate) fn column<'r, T>(row: &'r PgRow, name: &str) -> Result<T, String>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(name).map_err(|_| format!("column {name} cannot be read"))
}

/// An instant.
pub(crate) fn instant(row: &PgRow, name: &str) -> Result<Timestamp, String> {
    column::<At>(row, name).map(|at| at.0)
}

/// An operation's id.
pub(crate) fn op_id(row: &PgRow, name: &str) -> Result<OpId, String> {
    column::<Uuid>(row, name).map(from_uuid)
}

/// The id with these bytes.
pub(crate) fn from_uuid(uuid: Uuid) -> OpId {
    OpId::from_bytes(*uuid.as_bytes())
}

/// The id as Postgres keeps it.
pub(crate) fn to_uuid(op_id: OpId) -> Uuid {
    Uuid::from_bytes(*op_id.as_bytes())
}

/// A count as Postgres keeps it.
pub(crate) fn to_int(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// How long operations are kept, as Postgres keeps it: whole seconds.
pub(crate) fn to_seconds(span: Duration) -> i32 {
    i32::try_from(span.as_secs()).unwrap_or(i32::MAX)
}

/// The kind in the form in which the queue keeps it.
pub(crate) fn kind_of(text: &str) -> Result<Kind, String> {
    let (domain, event_type) = text.split_once('/').ok_or("a kind has no slash")?;
    Kind::new(domain, event_type).map_err(|error| error.to_string())
}
