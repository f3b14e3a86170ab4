//! The forms in which the identities of kinds are made.

use orch_core::store::{Acceptance, StoreError};
use orch_core::words::{IdentityForm, Kind, Standing, StoredForm};
use sqlx::postgres::{PgConnection, PgRow};

use crate::column::{column, kind_of, to_int};
use crate::db::Db;
use crate::pool::{arguments, command};
use crate::server::Server;

const FORMS: &str = include_str!("../queries/forms.sql");
const IDENTIFY: &str = include_str!("../queries/identify.sql");
const RAISE: &str = include_str!("../queries/raise_form.sql");
const UNCHANGED: &str = include_str!("../queries/form_unchanged.sql");

const LATER: &str = "a later form of an identity is not stored inside a transaction of yours: start a \
                     worker of this release first, or accept one command of the kind outside";
const LOCK: &str = "LOCK TABLE orch_operation IN ROW EXCLUSIVE MODE";

/// How often a form is read because another session came first.
const LOOKS: u32 = 5;

/// The forms of all kinds.
pub(crate) async fn forms(db: &Db) -> Result<Vec<(Kind, StoredForm)>, StoreError> {
    read(&mut Server::Pool(db), None).await
}

/// The forms of these kinds, spelled as in the table.
pub(crate) async fn forms_of(
    server: &mut Server<'_>,
    kinds: Vec<String>,
) -> Result<Vec<(Kind, StoredForm)>, StoreError> {
    read(server, Some(kinds)).await
}

/// Stores the form of a kind, if it is the next one; returns the one that is stored then.
///
/// Not a later one in the caller's transaction. It would hold up every accept until that commits, and one that
/// is stricter than READ COMMITTED would not see what was accepted in the earlier form meanwhile.
pub(crate) async fn identify(
    mut server: Server<'_>,
    kind: &Kind,
    form: IdentityForm,
) -> Result<StoredForm, StoreError> {
    let named = kind.to_string();
    for _ in 0..LOOKS {
        let stored = forms_of(&mut server, vec![named.clone()]).await?.pop();
        let stored = stored.map(|(_, stored)| stored);
        match (form.against(stored.as_ref()), stored) {
            (Standing::Stored | Standing::Refused, Some(stored)) => return Ok(stored),
            (_, Some(_)) if matches!(server, Server::Caller { .. }) => {
                return Err(StoreError::fatal(LATER));
            }
            (_, stored) => {
                // The first of all follows none in which something could be under way.
                let sql = if stored.is_none() { IDENTIFY } else { RAISE };
                server.fetch(sql, arguments![&*named, to_int(form.number), form.keys]).await?;
            }
        }
    }
    Err(StoreError::transient("the form of an identity was changed each time it was read"))
}

/// Refuses the caller's transaction if it does not see the form of the kind as it is.
pub(crate) async fn unchanged(
    connection: &mut PgConnection,
    acceptance: &Acceptance,
    named: bool,
) -> Result<(), StoreError> {
    if acceptance.form.is_none() {
        return Ok(());
    }
    // As an insert does, and as 0010 takes them: the table first, then the row.
    command(connection, LOCK).await?;
    let kind = acceptance.command.kind().to_string();
    Server::Caller { connection, named }.fetch(UNCHANGED, arguments![kind]).await.map(drop)
}

async fn read(
    server: &mut Server<'_>,
    kinds: Option<Vec<String>>,
) -> Result<Vec<(Kind, StoredForm)>, StoreError> {
    let rows = server.fetch(FORMS, arguments![kinds]).await?;
    rows.iter().map(decode).collect::<Result<_, String>>().map_err(StoreError::fatal)
}

fn decode(row: &PgRow) -> Result<(Kind, StoredForm), String> {
    let number = u32::try_from(column::<i64>(row, "number")?).map_err(|error| error.to_string())?;
    Ok((kind_of(column(row, "kind")?)?, StoredForm { number, keys: column(row, "keys")? }))
}
