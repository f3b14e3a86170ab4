//! The forms in which the identities of kinds are made. An accept writes in the transaction in which it
//! reads them, so nothing in an earlier form can be under way beside a later one.

use orch_core::store::columns::Columns;
use orch_core::store::{Acceptance, StoreError};
use orch_core::words::{IdentityForm, Kind, StoredForm};
use sqlx::sqlite::SqliteConnection;

use crate::row::{Found, there};
use crate::sql::{Values, execute, fetch};

const FORMS: &str = include_str!("../queries/forms.sql");
const IDENTIFY: &str = include_str!("../queries/identify.sql");

/// The forms of all kinds.
pub(crate) async fn forms(
    connection: &mut SqliteConnection,
) -> Result<Vec<(Kind, StoredForm)>, StoreError> {
    fetch(connection, FORMS, Values::default()).await?.iter().map(decode).collect()
}

/// Stores the form of a kind, if it is the next one; returns the one that is stored then.
pub(crate) async fn identify(
    connection: &mut SqliteConnection,
    kind: &Kind,
    form: IdentityForm,
) -> Result<StoredForm, StoreError> {
    let values = Values::default()
        .add(kind.domain.as_str())
        .add(kind.event_type.as_str())
        .add(form.number)
        .add(form.keys);
    execute(connection, IDENTIFY, values).await?;
    let stored = forms(connection).await?.into_iter().find(|(other, _)| other == kind);
    stored.map(|(_, form)| form).ok_or_else(|| StoreError::fatal("a form is gone"))
}

/// The kinds of these whose form is known, each once for each of its forms, as the JSON array that
/// `accept.sql` takes.
pub(crate) fn kinds(items: &[&Acceptance]) -> String {
    let mut kinds: Vec<(&str, &str, u32, &str)> = Vec::new();
    for Acceptance { command, form, .. } in items {
        let Some(form) = form else { continue };
        let kind =
            (command.domain().as_str(), command.event_type().as_str(), form.number, form.keys);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    serde_json::json!(kinds).to_string()
}

fn decode(found: &Found) -> Result<(Kind, StoredForm), StoreError> {
    let text = |name| there(found.text(name));
    let kind = Kind::new(text("domain")?, text("event_type")?).map_err(StoreError::fatal)?;
    let number = u32::try_from(there(found.number("number"))?).map_err(StoreError::fatal)?;
    Ok((kind, StoredForm { number, keys: text("keys")?.to_owned() }))
}
