use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// All values given to `Runtime::state`, one per type. Handlers, reconcile functions and finalize
/// hooks take theirs out of it.
#[derive(Clone, Default)]
pub struct States(Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl States {
    /// Adds a value; of one type the last one counts.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(self, value: T) -> Self {
        let mut all = Arc::unwrap_or_clone(self.0);
        all.insert(TypeId::of::<T>(), Arc::new(Arc::new(value)));
        Self(Arc::new(all))
    }

    /// True if a value of the needed type is there.
    #[must_use]
    pub fn has(&self, need: &StateNeed) -> bool {
        self.0.contains_key(&need.id)
    }

    /// The value of this type.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<Arc<T>> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref::<Arc<T>>().cloned()
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "States({})", self.0.len())
    }
}

/// A value that a function takes.
#[derive(Debug, Clone, Copy)]
pub struct StateNeed {
    id: TypeId,
    /// The path of its type.
    pub name: &'static str,
}

impl StateNeed {
    /// The value of type `T`.
    #[must_use]
    pub fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>(), name: type_name::<T>() }
    }
}
