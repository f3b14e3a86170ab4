use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::store::lock;
use crate::words::OpId;

/// Wakes those in this process who wait for an operation. A hint: the store decides.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Mutex<HashMap<OpId, Waiters>>>);

#[derive(Debug, Default)]
struct Waiters {
    count: usize,
    moved: Arc<Notify>,
}

/// One who waits, until dropped.
#[derive(Debug)]
pub struct Waiter {
    watch: Watch,
    op_id: OpId,
    moved: Arc<Notify>,
}

impl Watch {
    /// Waits for this operation from now on.
    #[must_use]
    pub fn waiter(&self, op_id: OpId) -> Waiter {
        let mut all = lock(&self.0);
        let waiters = all.entry(op_id).or_default();
        waiters.count += 1;
        Waiter { watch: self.clone(), op_id, moved: Arc::clone(&waiters.moved) }
    }

    /// Says that the operation has moved.
    pub fn moved(&self, op_id: OpId) {
        if let Some(waiters) = lock(&self.0).get(&op_id) {
            waiters.moved.notify_waiters();
            // For one who has just looked at the store and not begun to wait.
            waiters.moved.notify_one();
        }
    }
}

impl Waiter {
    /// Resolves when the operation has moved since the waiter was made, perhaps more often.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut all = lock(&self.watch.0);
        if let Some(waiters) = all.get_mut(&self.op_id) {
            waiters.count -= 1;
            if waiters.count == 0 {
                all.remove(&self.op_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_are_woken_and_nothing_stays_behind() {
        let watch = Watch::default();
        let op_id = OpId::generate();
        let (one, two) = (watch.waiter(op_id), watch.waiter(op_id));
        let woken = async { tokio::join!(one.moved(), two.moved()) };
        let ((), ()) = tokio::join!(woken, async { watch.moved(op_id) }).0;
        drop((one, two));
        assert!(lock(&watch.0).is_empty());
    }

    #[tokio::test]
    async fn a_move_before_the_wait_is_not_missed() {
        let watch = Watch::default();
        let op_id = OpId::generate();
        let waiter = watch.waiter(op_id);
        watch.moved(op_id);
        waiter.moved().await;
    }
}
