use std::collections::HashMap;

use super::ResolveError;
use crate::handler::{Checks, Descriptor, Registration};
use crate::words::{Kind, Payload};

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
