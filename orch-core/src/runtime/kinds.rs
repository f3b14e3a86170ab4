use std::collections::HashMap;

use super::ResolveError;
use crate::handler::{Checks, Descriptor, Registration};
use crate::words::{IdentityForm, Kind, OtherForm, Payload, Standing, StoredForm};

/// What this program knows of the kinds whose handlers are linked in, also where none of them runs.
#[derive(Debug, Default)]
pub(super) struct KnownKinds {
    hooked: Vec<Kind>,
    checks: HashMap<Kind, Option<Checks>>,
}

impl KnownKinds {
    /// A handler that breaks a rule is left out: it is reported where it is to run.
    pub(super) fn of(registered: &[Registration]) -> Self {
        let mut kinds = Self::default();
        for registration in registered {
            let Descriptor { domain, event_type, .. } = registration.descriptor;
            let Ok(kind) = Kind::new(domain, event_type) else { continue };
            if registration.finalize.is_some() {
                kinds.hooked.push(kind.clone());
            }
            kinds.checks.insert(kind, registration.checks);
        }
        kinds
    }

    /// Those with a finalize hook.
    pub(super) fn hooked(&self) -> &[Kind] {
        &self.hooked
    }

    /// True if a command of the kind is to be the only one for its biz key.
    pub(super) fn is_unique(&self, kind: &Kind) -> bool {
        self.checks.get(kind).is_some_and(|checks| checks.is_some_and(|checks| checks.unique))
    }

    /// The form in which the identity of a command of the kind is made, if that is known.
    pub(super) fn form(&self, kind: &Kind) -> Option<IdentityForm> {
        self.checks.get(kind).copied().flatten().and_then(|checks| checks.form)
    }

    /// Refuses a database in which the identity of a kind is made otherwise.
    ///
    /// # Errors
    /// [`OtherForm`].
    pub(super) fn check_forms(&self, stored: &[(Kind, StoredForm)]) -> Result<(), OtherForm> {
        stored.iter().try_for_each(|(kind, stored)| match self.form(kind) {
            Some(ours) => OtherForm::check(kind, ours, stored),
            None => Ok(()),
        })
    }

    /// The forms that are yet to be stored.
    pub(super) fn next_forms(
        &self,
        stored: &[(Kind, StoredForm)],
    ) -> impl Iterator<Item = (&Kind, IdentityForm)> {
        let of = |kind: &Kind| stored.iter().find(|(other, _)| other == kind).map(|(_, form)| form);
        let forms = self.checks.keys().filter_map(|kind| Some((kind, self.form(kind)?)));
        forms.filter(move |(kind, form)| form.against(of(kind)) == Standing::Next)
    }

    /// Refuses an output that the kind's handler would not return.
    pub(super) fn check_output(&self, kind: Kind, output: &Payload) -> Result<(), ResolveError> {
        match self.checks.get(&kind) {
            None => Err(ResolveError::Unknown { kind }),
            Some(None) => Ok(()),
            Some(Some(checks)) => {
                (checks.output)(output).map_err(|source| ResolveError::Output { kind, source })
            }
        }
    }
}
