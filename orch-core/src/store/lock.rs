use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a value of this process, also after a panic of a thread that held it: no change under
/// such a lock can be left half-way.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
