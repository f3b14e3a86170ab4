use orch_core::words::{Failure, Kind, OpId, Payload, Timestamp};
use sqlx::postgres::{PgRow, Postgres};
use sqlx::types::Uuid;
use sqlx::{Decode, Row as _, Type};

use crate::time::At;

/// A column; the error names it and not what is in it.
pub(crate) fn column<'r, T>(row: &'r PgRow, name: &str) -> Result<T, String>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(name).map_err(|_| format!("column {name} cannot be read"))
}

/// An instant that may be missing.
pub(crate) fn instant(row: &PgRow, name: &str) -> Result<Option<Timestamp>, String> {
    Ok(column::<Option<At>>(row, name)?.map(|at| at.0))
}

/// A count; a missing one is zero.
pub(crate) fn count(row: &PgRow, name: &str) -> Result<u32, String> {
    let number: Option<i32> = column(row, name)?;
    u32::try_from(number.unwrap_or_default()).map_err(|_| format!("{name} is negative"))
}

/// A word that may be missing.
pub(crate) fn parsed<T: std::str::FromStr>(row: &PgRow, name: &str) -> Result<Option<T>, String> {
    let text: Option<String> = column(row, name)?;
    text.map(|text| text.parse().map_err(|_| format!("{name} is an unknown word"))).transpose()
}

/// Bytes that may be missing.
pub(crate) fn payload(row: &PgRow, name: &str) -> Result<Option<Payload>, String> {
    Ok(column::<Option<&[u8]>>(row, name)?.map(Payload::from))
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

/// The kind in the form in which the queue keeps it.
pub(crate) fn kind_of(text: &str) -> Result<Kind, String> {
    let (domain, event_type) = text.split_once('/').ok_or("a kind has no slash")?;
    Kind::new(domain, event_type).map_err(|error| error.to_string())
}

/// A failure as JSON text. NUL is an escape in it, so Postgres takes every failure.
pub(crate) fn failure_json(failure: &Failure) -> String {
    serde_json::to_string(failure).unwrap_or_default()
}

/// The failure of this JSON text.
pub(crate) fn failure_of(text: &str) -> Result<Failure, String> {
    serde_json::from_str(text).map_err(|_| "the failure is not what it should be".to_owned())
}
