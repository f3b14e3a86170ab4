//! Keeping leases alive.
//!
//! The renewal runs on a thread with a separate runtime: a handler that blocks every thread of
//! the application's runtime loses no lease. It renews all operations of the worker in one call.
//! A lease that could not be renewed before its end is treated as lost: the attempt is
//! cancelled, since another worker may run the operation now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::store::{Claim, Pieces, RenewParams, Renewed, Store, lock, monotonic};

/// Renews the leases that are held, from start until dropped.
#[derive(Debug)]
pub struct LeaseKeeper {
    shared: Arc<Shared>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    store_lease: Duration,
    held: Mutex<HashMap<Claim, Held>>,
}

#[derive(Debug)]
struct Held {
    /// The lease certainly lasts until here, by this host's monotonic clock.
    safe_until: Instant,
    /// No renewal after this: a handler that hangs is not kept alive for ever.
    renew_until: Option<Instant>,
    lost: CancellationToken,
}

/// A lease that is being renewed until this is dropped.
#[derive(Debug)]
pub struct HeldLease {
    shared: Arc<Shared>,
    claim: Claim,
    lost: CancellationToken,
}

impl HeldLease {
    /// Cancelled once the lease is lost.
    #[must_use]
    pub const fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// The handler has returned: the lease is renewed without a limit, until its outcome is
    /// stored and this is dropped.
    pub fn handler_returned(&self) {
        if let Some(held) = lock(&self.shared.held).get_mut(&self.claim) {
            held.renew_until = None;
        }
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        lock(&self.shared.held).remove(&self.claim);
    }
}

impl LeaseKeeper {
    /// How many renewals fit into one lease: 10 s of the default 30 s.
    const RENEWALS_PER_LEASE: u32 = 3;

    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's error if there can be no thread.
    pub fn start(store: Arc<dyn Store>, lease: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { store_lease: lease, held: Mutex::default() });
        let stop = CancellationToken::new();
        let renewal = Renewal { store, shared: Arc::clone(&shared), stop: stop.clone() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new()
            .name("orch-lease".into())
            .spawn(move || runtime.block_on(renewal.run()))?;
        Ok(Self { shared, stop })
    }

    /// Keeps the lease of this claim from now on. `asked_at` is the instant before the claim was sent, and
    /// `renew_for` the longest that the handler may hold it.
    #[must_use]
    pub fn hold(&self, claim: Claim, asked_at: Instant, renew_for: Duration) -> HeldLease {
        let lost = CancellationToken::new();
        let held = Held {
            safe_until: asked_at + self.shared.store_lease,
            renew_until: asked_at.checked_add(renew_for),
            lost: lost.clone(),
        };
        lock(&self.shared.held).insert(claim, held);
        HeldLease { shared: Arc::clone(&self.shared), claim, lost }
    }

    /// Cancels every attempt that is running now.
    pub fn cancel_all(&self) {
        for held in lock(&self.shared.held).values() {
            held.lost.cancel();
        }
    }
}

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Renewal {
    store: Arc<dyn Store>,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl Renewal {
    async fn run(self) {
        let lease = self.shared.store_lease;
        let renew_every = lease / LeaseKeeper::RENEWALS_PER_LEASE;
        let watch_every = (lease / 30).max(Duration::from_millis(1));
        let mut next_renewal = monotonic::now() + renew_every;
        // A call that hangs must not keep the watch from cancelling, so it has a separate task.
        let mut call = None;
        while !self.stop.is_cancelled() {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = monotonic::sleep(watch_every) => {}
            }
            self.cancel_expired();
            let idle = call.as_ref().is_none_or(tokio::task::JoinHandle::is_finished);
            if idle && monotonic::now() >= next_renewal {
                next_renewal = monotonic::now() + renew_every;
                let claims = self.to_renew();
                if !claims.is_empty() {
                    let (store, shared) = (Arc::clone(&self.store), Arc::clone(&self.shared));
                    call = Some(tokio::spawn(renew(store, shared, claims)));
                }
            }
        }
    }

    fn to_renew(&self) -> Vec<Claim> {
        let now = monotonic::now();
        let held = lock(&self.shared.held);
        let wanted = |held: &Held| {
            !held.lost.is_cancelled() && held.renew_until.is_none_or(|until| now < until)
        };
        held.iter().filter(|(_, held)| wanted(held)).map(|(claim, _)| *claim).collect()
    }

    fn cancel_expired(&self) {
        let now = monotonic::now();
        for (claim, held) in lock(&self.shared.held).iter() {
            // An attempt that has returned has nothing left to cancel: its lease is renewed again
            // once the database is back, until its outcome is stored.
            let running = held.renew_until.is_some();
            if running && now >= held.safe_until && !held.lost.is_cancelled() {
                tracing::warn!(op_id = %claim.op_id, fence = %claim.fence,
                    "the lease ended before it could be renewed; the attempt is cancelled");
                held.lost.cancel();
            }
        }
    }
}

/// In smaller pieces where the database refuses the whole, so that one row that it refuses to change costs no
/// other its lease.
async fn renew(store: Arc<dyn Store>, shared: Arc<Shared>, claims: Vec<Claim>) {
    let mut pieces = Pieces::of(&claims);
    while let Some(piece) = pieces.next() {
        let asked_at = monotonic::now();
        let params = RenewParams { claims: piece.to_vec(), lease: shared.store_lease };
        match store.renew(params).await {
            Ok(answers) => shared.renewed(piece, answers, asked_at),
            Err(error) if error.is_transient() => {
                tracing::warn!(error = ?error, leases = piece.len(), "leases could not be renewed");
                return;
            }
            Err(error) => {
                if let Some(claim) = pieces.refused(piece) {
                    tracing::error!(op_id = %claim.op_id, fence = %claim.fence, error = ?error,
                        "the database refuses to renew a lease");
                }
            }
        }
    }
}

impl Shared {
    fn renewed(&self, claims: &[Claim], answers: Vec<Renewed>, asked_at: Instant) {
        let mut all = lock(&self.held);
        for (claim, answer) in claims.iter().zip(answers) {
            let Some(held) = all.get_mut(claim) else { continue };
            match answer {
                Renewed::Renewed { .. } => held.safe_until = asked_at + self.store_lease,
                Renewed::Stale if held.renew_until.is_some() => {
                    tracing::warn!(op_id = %claim.op_id, fence = %claim.fence,
                        "the lease was taken over; the attempt is cancelled");
                    held.lost.cancel();
                }
                // The outcome is on its way, or stored and about to be dropped here.
                Renewed::Stale => {}
            }
        }
    }
}
