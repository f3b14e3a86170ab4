use super::tables::{Stored, Tables};
use crate::machine::{Request, Row};
use crate::store::{Acceptance, Admitted, Place};
use crate::words::{Identity, IdentityForm, Kind, Standing, StoredForm, Timestamp};

/// Stores what is new, in the order of the batch, so that a second item with an identity meets
/// the first.
pub(super) fn accept(tables: &mut Tables, batch: Vec<Acceptance>, now: Timestamp) -> Vec<Admitted> {
    batch.into_iter().map(|item| accept_one(tables, item, now)).collect()
}

fn accept_one(tables: &mut Tables, item: Acceptance, now: Timestamp) -> Admitted {
    let op_id = item.op_id;
    let incarnation = tables.confirmed();
    if tables.rows.contains_key(&op_id) {
        return Admitted::Created { op_id };
    }
    let identity = item.command.identity(&item.owner);
    let is_there = |Place { biz_key, .. }: Place<'_>| {
        let made = Identity { biz_key: biz_key.clone(), ..identity.clone() };
        tables.identities.get(&(made, 0))
    };
    if let Some(there) = Place::of(&item).find_map(is_there) {
        return repeated(&tables.rows[there], &item);
    }
    if let Some(answer) = item.in_another_form(tables.forms.get(&identity.kind())) {
        return answer;
    }
    if let (true, Some(op_id)) = (item.unique, tables.not_failed(&identity).next()) {
        return Admitted::Taken { op_id };
    }
    tables.insert(Stored {
        fingerprint: item.fingerprint,
        row: Row { incarnation, ..Row::accepted(op_id, identity.kind(), item.time_budget, now) },
        corrupt: false,
        corrupt_log: false,
        unique: item.unique,
        request: Request {
            identity,
            payload: item.command.payload().clone(),
            accepted_at: now,
            redrive_of: None,
            redrive: 0,
            key_seed: Some(item.key_seed),
        },
    });
    Admitted::Created { op_id }
}

fn repeated(there: &Stored, item: &Acceptance) -> Admitted {
    let op_id = there.row.op_id;
    if there.fingerprint == item.fingerprint {
        Admitted::Replayed { op_id }
    } else {
        Admitted::Conflict { op_id, payload: there.request.payload.clone() }
    }
}

/// Stores a form that is the next one; returns the one that is stored then.
pub(super) fn identify(tables: &mut Tables, kind: &Kind, form: IdentityForm) -> StoredForm {
    if form.against(tables.forms.get(kind)) == Standing::Next {
        tables.forms.insert(kind.clone(), form.into());
    }
    tables.forms[kind].clone()
}
