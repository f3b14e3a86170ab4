use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::store::{Acceptance, Admitted, Store, StoreError, monotonic};
use crate::words::{IdentityForm, Kind, OtherForm};

/// After a form could not be stored. To try holds up other accepts on Postgres for up to 2 s, behind a
/// transaction that may take long.
const PAUSE: Duration = Duration::from_secs(10);

/// Stores the forms of identities that an accept finds missing: one call at a time, and none for a while
/// after one that has failed.
pub(super) struct Forms {
    store: Arc<dyn Store>,
    failed: Mutex<Option<(Instant, StoreError)>>,
}

impl Forms {
    pub(super) fn of(store: Arc<dyn Store>) -> Self {
        Self { store, failed: Mutex::default() }
    }

    /// Stores the form of a kind, or finds it stored.
    ///
    /// # Errors
    /// That another one is stored; the store's, also for a call that came shortly before.
    pub(super) async fn identify(
        &self,
        kind: &Kind,
        form: IdentityForm,
    ) -> Result<Result<(), OtherForm>, StoreError> {
        let mut failed = self.failed.lock().await;
        if let Some((at, error)) = &*failed
            && at.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        let stored = self.store.identify(kind, form).await;
        *failed = stored.as_ref().err().map(|error| (monotonic::now(), error.clone()));
        Ok(OtherForm::check(kind, form, &stored?))
    }
}

/// The form of its kind's identity that is to be stored before a command can be accepted; `None` if none is
/// missing.
///
/// # Errors
/// [`OtherForm`] if another one is there that stays.
pub fn next_form(
    acceptance: &Acceptance,
    admitted: &Admitted,
) -> Result<Option<(Kind, IdentityForm)>, OtherForm> {
    let (Admitted::OtherForm { stored }, Some(form)) = (admitted, acceptance.form) else {
        return Ok(None);
    };
    let kind = acceptance.command.kind();
    if let Some(stored) = stored {
        OtherForm::check(&kind, form, stored)?;
    }
    Ok(Some((kind, form)))
}
