//! The memory store keeps what `step` says.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use orch_core::memory::MemoryStore;
use orch_core::store::{ManualClock, Store};
use orch_core::words::{DeadLetter, OpId};
use orch_testkit::agreement::{Kept, KeptRows};

orch_testkit::agrees_with_machine!(Memory::default());

#[derive(Default)]
struct Memory(Mutex<Option<MemoryStore>>);

impl Memory {
    fn store(&self) -> MemoryStore {
        self.0.lock().unwrap().clone().unwrap()
    }
}

#[async_trait]
impl KeptRows for Memory {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        let store = MemoryStore::with_clock(clock);
        *self.0.lock().unwrap() = Some(store.clone());
        Arc::new(store)
    }

    async fn put(&self, all: &[Kept]) {
        let letter = |kept: &Kept| {
            let (failure, late_outcomes) = kept.letter.clone()?;
            let mut letter = DeadLetter::new(kept.row.op_id, failure, kept.row.finished_at?);
            letter.late_outcomes = late_outcomes;
            Some(letter)
        };
        let parts =
            |kept: &Kept| (kept.request.clone(), kept.row.clone(), kept.log.clone(), letter(kept));
        self.store().keep(all.iter().map(parts));
    }

    async fn kept(&self, op_ids: &[OpId]) -> Vec<Kept> {
        let store = self.store();
        let kept = |op_id: &OpId| {
            let (request, row, log, letter) = store.kept(*op_id).unwrap();
            let letter = letter.map(|letter| (letter.failure, letter.late_outcomes));
            Kept { request, row, log, letter }
        };
        op_ids.iter().map(kept).collect()
    }
}
