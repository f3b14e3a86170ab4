//! Where a process ends: the store of one process, which no call passes any more once that
//! process is dead, as with kill -9.

use std::collections::HashSet;
use std::fmt;
use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use orch_core::store::{
    Acceptance, Admitted, Claim, ClaimParams, Claimed, EndedAttempt, Finalization, Finalized,
    Logged, Release, ReleaseReason, Released, Store, StoreError,
};
use orch_core::words::OpId;
use tokio::sync::{RwLock, RwLockWriteGuard, watch};

use super::Boundary;
use crate::{Layered, StoreLayer, Verb};

type Answer<T> = Result<T, StoreError>;

/// The store of one process.
pub(super) type Gated = Layered<Gate>;

/// Where the process may be killed, and what it does at the store.
pub(super) struct Gate {
    kill_at: Option<Boundary>,
    dead: watch::Sender<bool>,
    /// Counts what may have moved the operation.
    moves: watch::Sender<u64>,
    /// Passes of the Finalizer so far.
    finalizer_passes: AtomicU64,
    /// Whether this process has left an operation to one of another release.
    left: AtomicBool,
    /// Leases that this process holds.
    held: Mutex<HashSet<Claim>>,
    /// Read while a claim is under way: then the store may know of a lease that `held` does not.
    claiming: RwLock<()>,
    /// The operation that was stored through this gate.
    accepted: watch::Sender<Option<OpId>>,
}

impl Gate {
    pub(super) fn new(kill_at: Option<Boundary>) -> Self {
        Self {
            kill_at,
            dead: watch::Sender::new(false),
            moves: watch::Sender::new(0),
            finalizer_passes: AtomicU64::new(0),
            left: AtomicBool::new(false),
            held: Mutex::default(),
            claiming: RwLock::default(),
            accepted: watch::Sender::new(None),
        }
    }

    pub(super) const fn kill_at(&self) -> Option<Boundary> {
        self.kill_at
    }

    /// From here on nothing passes, in either direction.
    pub(super) fn die(&self) {
        self.dead.send_replace(true);
    }

    /// Returns once the process is dead.
    pub(super) async fn died(&self) {
        // The sender lives in `self`.
        let _ = self.dead.subscribe().wait_for(|dead| *dead).await;
    }

    pub(super) fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// The operation that was stored through this gate.
    pub(super) fn accepted(&self) -> Option<OpId> {
        *self.accepted.borrow()
    }

    /// Keeps claims out: who holds what does not change until the guard is dropped, except that
    /// leases are given up.
    pub(super) async fn no_claims(&self) -> RwLockWriteGuard<'_, ()> {
        self.claiming.write().await
    }

    pub(super) fn holds(&self, claim: Claim) -> bool {
        self.held.lock().unwrap().contains(&claim)
    }

    pub(super) fn moves(&self) -> watch::Receiver<u64> {
        self.moves.subscribe()
    }

    pub(super) fn finalizer_passes(&self) -> u64 {
        self.finalizer_passes.load(Ordering::SeqCst)
    }

    /// True once this process has given an operation back for which it lacks a part.
    pub(super) fn has_left(&self) -> bool {
        self.left.load(Ordering::SeqCst)
    }

    fn moved(&self) {
        self.moves.send_modify(|moves| *moves += 1);
    }

    /// Lets a call through, and kills the process before it, or after it took effect.
    async fn pass<T>(
        &self,
        before: Option<Boundary>,
        call: impl Future<Output = Answer<T>>,
        after: impl FnOnce(&T) -> Option<Boundary>,
    ) -> Answer<T> {
        self.stop_at(before).await;
        let answer = call.await;
        self.stop_at(answer.as_ref().ok().and_then(after)).await;
        answer
    }

    /// Never returns in a dead process.
    async fn stop_at(&self, boundary: Option<Boundary>) {
        if boundary.is_some() && boundary == self.kill_at {
            self.die();
        }
        if self.is_dead() {
            pending().await
        }
    }

    fn give_up(&self, claims: &[Claim]) {
        let mut held = self.held.lock().unwrap();
        for claim in claims {
            held.remove(claim);
        }
        drop(held);
        self.moved();
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("kill_at", &self.kill_at).finish_non_exhaustive()
    }
}

fn claims(ended: &[EndedAttempt]) -> Vec<Claim> {
    ended.iter().map(|ended| ended.claim).collect()
}

fn unless_empty<T>(batch: &[T], boundary: Boundary) -> Option<Boundary> {
    (!batch.is_empty()).then_some(boundary)
}

#[async_trait]
impl StoreLayer for Gate {
    async fn around<T: Send>(
        &self,
        verb: Verb,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let answer = self.pass(None, call, |_| None).await?;
        match verb {
            Verb::Unfinalized => {
                self.finalizer_passes.fetch_add(1, Ordering::SeqCst);
                self.moved();
            }
            Verb::SweepExpired | Verb::SweepOverBudget => self.moved(),
            _ => {}
        }
        Ok(answer)
    }

    async fn accept(&self, next: &dyn Store, batch: Vec<Acceptance>) -> Answer<Vec<Admitted>> {
        let call = async {
            let admitted = next.accept(batch).await?;
            if let [Admitted::Created { op_id } | Admitted::Replayed { op_id }] = admitted[..] {
                self.accepted.send_replace(Some(op_id));
            }
            Ok(admitted)
        };
        self.pass(Some(Boundary::Accepting), call, |_| Some(Boundary::Accepted)).await
    }

    async fn claim(&self, next: &dyn Store, params: ClaimParams) -> Answer<Vec<Claimed>> {
        match self.kill_at {
            // No claim may slip in between the commit and the kill.
            Some(Boundary::Accepting | Boundary::Accepted) => pending().await,
            // There is nothing to claim before.
            Some(Boundary::Claiming) => {
                let _ = self.accepted.subscribe().wait_for(Option::is_some).await;
            }
            _ => {}
        }
        let call = async {
            let _claiming = self.claiming.read().await;
            let claimed = next.claim(params).await?;
            for claimed in &claimed {
                if let Claimed::Operation(attempt) = claimed {
                    self.held.lock().unwrap().insert(attempt.claim());
                }
            }
            if !claimed.is_empty() {
                self.moved();
            }
            Ok(claimed)
        };
        let after = |claimed: &Vec<Claimed>| unless_empty(claimed, Boundary::Claimed);
        self.pass(Some(Boundary::Claiming), call, after).await
    }

    async fn log(&self, next: &dyn Store, batch: Vec<EndedAttempt>) -> Answer<Vec<Logged>> {
        let ended = claims(&batch);
        let call = next.log(batch);
        let logged = self.pass(Some(Boundary::Answered), call, |_| Some(Boundary::Logged)).await?;
        self.give_up(&ended);
        Ok(logged)
    }

    async fn finalize(&self, next: &dyn Store, batch: Vec<Finalization>) -> Answer<Vec<Finalized>> {
        let before = unless_empty(&batch, Boundary::Finalizing);
        let call = next.finalize(batch);
        let done = self.pass(before, call, |done| unless_empty(done, Boundary::Finalized)).await?;
        self.moved();
        Ok(done)
    }

    async fn settle(&self, next: &dyn Store, batch: Vec<EndedAttempt>) -> Answer<Vec<Finalized>> {
        let ended = claims(&batch);
        let call = next.settle(batch);
        let done = self.pass(Some(Boundary::Answered), call, |_| Some(Boundary::Finalized)).await?;
        self.give_up(&ended);
        Ok(done)
    }

    async fn release(&self, next: &dyn Store, batch: Vec<Release>) -> Answer<Vec<Released>> {
        let ended: Vec<Claim> = batch.iter().map(|release| release.claim).collect();
        let unhandled = |it: &Release| matches!(it.reason, ReleaseReason::Unhandled { .. });
        let leaves = batch.iter().any(unhandled);
        let released = self.around(Verb::Release, next.release(batch)).await?;
        self.left.fetch_or(leaves, Ordering::SeqCst);
        self.give_up(&ended);
        Ok(released)
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::sync::Arc;
    use std::time::Duration;

    use orch_core::memory::MemoryStore;
    use orch_core::words::{Command, Fingerprint, KeySeed, Owner};

    use super::*;

    fn acceptance() -> Acceptance {
        let command = Command::new("PAYMENT", "CHARGE", "ORDER-1", "key", "{}").unwrap();
        Acceptance {
            op_id: OpId::generate(),
            owner: Owner::default(),
            fingerprint: Fingerprint::of(command.payload()),
            command,
            time_budget: Duration::from_secs(300),
            key_seed: KeySeed::from_bytes([9; 16]),
            form: None,
            earlier: Vec::new(),
            unique: false,
        }
    }

    /// Sends a command through a gate; says whether it is answered and whether it is stored.
    async fn sent(gate: &Gated, store: &MemoryStore) -> (bool, bool) {
        let item = acceptance();
        let op_id = item.op_id;
        // In memory a call that gets through is done when it is first polled.
        let answered = tokio::select! {
            biased;
            _ = gate.accept(vec![item]) => true,
            () = ready(()) => false,
        };
        (answered, store.get(&Owner::default(), op_id).await.unwrap().is_some())
    }

    fn gate(kill_at: Option<Boundary>) -> (Gated, MemoryStore) {
        let store = MemoryStore::new();
        (Gated::over(Arc::new(store.clone()), Gate::new(kill_at)), store)
    }

    #[tokio::test]
    async fn nothing_of_a_dead_process_reaches_the_store() {
        let (gate, store) = gate(None);
        assert_eq!(sent(&gate, &store).await, (true, true));
        gate.die();
        assert_eq!(sent(&gate, &store).await, (false, false));
    }

    #[tokio::test]
    async fn a_kill_before_a_call_keeps_it_from_taking_effect() {
        let (gate, store) = gate(Some(Boundary::Accepting));
        assert_eq!(sent(&gate, &store).await, (false, false));
        assert!(gate.is_dead());
    }

    #[tokio::test]
    async fn a_kill_after_a_call_loses_its_answer_only() {
        let (gate, store) = gate(Some(Boundary::Accepted));
        assert_eq!(sent(&gate, &store).await, (false, true));
        assert!(gate.is_dead());
    }
}
