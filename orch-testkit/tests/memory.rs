//! The memory store passes the conformance suite.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use orch_core::memory::{MemoryConnection, MemoryStore};
use orch_core::store::{
    ConnectionType, FinalizeHook, HookError, HookFn, ManualClock, Store, connection,
};
use orch_core::words::OpId;
use orch_testkit::{Backend, marks};

orch_testkit::conformance!(Memory::default());

#[derive(Default)]
struct Memory(Mutex<Option<MemoryStore>>);

/// Hooks are plain functions, so what they write down is shared by all cases of this process;
/// the texts of each case are its own.
static MARKS: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[async_trait]
impl Backend for Memory {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        let store = MemoryStore::with_clock(clock);
        *self.0.lock().unwrap() = Some(store.clone());
        Arc::new(store)
    }

    async fn reopen(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        Arc::new(self.0.lock().unwrap().as_ref().unwrap().reopened_with(clock))
    }

    async fn becomes_another(&self) {
        self.0.lock().unwrap().as_ref().unwrap().becomes_another();
    }

    async fn corrupt(&self, op_id: OpId) {
        self.0.lock().unwrap().as_ref().unwrap().corrupt(op_id);
    }

    async fn corrupt_log(&self, op_id: OpId) {
        self.0.lock().unwrap().as_ref().unwrap().corrupt_log(op_id);
    }

    async fn refuse(&self, _: &[OpId], _: bool) -> bool {
        false
    }

    async fn refuse_at_commit(&self, _: &[OpId], _: bool) -> bool {
        false
    }

    async fn hook_has_failed(&self, op_id: OpId, times: u32) {
        self.0.lock().unwrap().as_ref().unwrap().hook_has_failed(op_id, times);
    }

    async fn undate(&self, op_id: OpId) {
        self.0.lock().unwrap().as_ref().unwrap().undate(op_id);
    }

    fn marking_hook(&self) -> FinalizeHook {
        HookFn {
            connection: ConnectionType::of::<MemoryConnection>,
            run: |any, outcome, of| {
                Box::pin(async move {
                    connection::<MemoryConnection>(any)?;
                    MARKS.lock().unwrap().extend(marks(outcome, &of));
                    Ok(())
                })
            },
        }
        .into()
    }

    fn failing_hook(&self) -> FinalizeHook {
        HookFn {
            connection: ConnectionType::of::<MemoryConnection>,
            run: |_, _, _| Box::pin(async { Err(HookError::new("the ledger is closed")) }),
        }
        .into()
    }

    async fn marks(&self, text: &str) -> usize {
        MARKS.lock().unwrap().iter().filter(|mark| *mark == text).count()
    }
}
