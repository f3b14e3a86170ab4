use std::collections::HashMap;
use std::sync::Arc;

use crate::metrics::Meters;
use crate::policies::KindPolicy;
use crate::seams::{FinalizeHook, Registration, SweepParams};
use crate::words::{Invalid, Kind};

/// A registered handler with its checked policy.
#[derive(Debug, Clone)]
pub struct Handler {
    /// What the macro registered.
    pub registration: Registration,
    /// Its rules.
    pub policy: KindPolicy,
    /// What is counted of its operations.
    pub meters: Arc<Meters>,
}

/// The handlers of a worker, by kind. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Handlers(Arc<HashMap<Kind, Arc<Handler>>>);

impl Handlers {
    /// Collects registrations whose kinds are distinct.
    ///
    /// # Errors
    /// [`Invalid`] for an illegal domain or event type.
    pub fn new(registrations: impl IntoIterator<Item = Registration>) -> Result<Self, Invalid> {
        let mut handlers = HashMap::new();
        for registration in registrations {
            let policy = registration.policy()?;
            let kind = policy.kind.clone();
            let meters = Arc::new(Meters::of(&kind));
            handlers.insert(kind, Arc::new(Handler { registration, policy, meters }));
        }
        Ok(Self(Arc::new(handlers)))
    }

    /// The handler of a kind.
    #[must_use]
    pub fn get(&self, kind: &Kind) -> Option<&Arc<Handler>> {
        self.0.get(kind)
    }

    /// The finalize hook of a kind, if its handler has one.
    #[must_use]
    pub fn hook(&self, kind: &Kind) -> Option<FinalizeHook> {
        self.get(kind)?.registration.finalize
    }

    /// The meters of a kind, also of one that these handlers do not know.
    #[must_use]
    pub fn meters(&self, kind: &Kind) -> Arc<Meters> {
        self.get(kind).map_or_else(|| Arc::new(Meters::of(kind)), |h| Arc::clone(&h.meters))
    }

    /// The kinds.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        self.0.keys().cloned().collect()
    }

    /// The policies, in no particular order.
    #[must_use]
    pub fn policies(&self) -> Vec<KindPolicy> {
        self.0.values().map(|handler| handler.policy.clone()).collect()
    }

    /// A sweep on behalf of these handlers.
    #[must_use]
    pub fn sweep(&self, limit: usize) -> SweepParams {
        SweepParams { kinds: self.policies(), limit }
    }

    /// What the macros registered.
    pub fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.0.values().map(|handler| &handler.registration)
    }
}
