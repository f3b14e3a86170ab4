use std::sync::Arc;
use std::time::Duration;

use orch_core::policies::KindPolicy;
use orch_core::seams::{
    Acceptance, Admitted, Attempt, ClaimParams, Claimed, EndedAttempt, Finalization, FinalizeHook,
    Finalized, Lease, ListParams, Listed, Logged, ManualClock, Purpose, RedriveParams, Redriven,
    Release, ReleaseReason, Released, RenewParams, Renewed, Settle, SettleParams, SettledParked,
    Store, SweepParams, Swept,
};
use orch_core::words::{
    AttemptEnd, Command, DeadLetter, Failure, Fingerprint, Kind, LogEntry, OpId, Operation,
    Outcome, Owner, Payload, Source, Timestamp, WorkerId,
};

use crate::Backend;

/// How long the fixture's leases last.
pub const LEASE: Duration = Duration::from_secs(30);
/// The time budget of the fixture's operations.
pub const BUDGET: Duration = Duration::from_secs(300);
/// The delay that the fixture's ended attempts ask for.
pub const DELAY: Duration = Duration::from_secs(1);

/// The world of one case: an empty store and a clock that stands still.
///
/// Each verb takes one item, with defaults, and panics on an error; for batches call the store.
pub struct World {
    /// The backend, for its hooks and for a second store.
    pub backend: Arc<dyn Backend>,
    /// The store under test.
    pub store: Arc<dyn Store>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
}

impl World {
    /// A new world on this backend.
    pub async fn open(backend: Arc<dyn Backend>) -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = backend.open(clock.clone()).await;
        Self { backend, store, clock }
    }

    /// The same data through a second store.
    pub async fn reopened(&self) -> Self {
        let store = self.backend.reopen(self.clock.clone()).await;
        Self { backend: self.backend.clone(), store, clock: self.clock.clone() }
    }

    /// The store's clock.
    pub async fn now(&self) -> Timestamp {
        self.store.now().await.unwrap()
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Accepts one item.
    pub async fn admit(&self, item: Acceptance) -> Admitted {
        only(self.store.accept(vec![item]).await.unwrap())
    }

    /// A PENDING operation under this key.
    pub async fn accepted(&self, key: &str) -> OpId {
        self.accepted_as(acceptance(key)).await
    }

    /// A PENDING operation.
    pub async fn accepted_as(&self, item: Acceptance) -> OpId {
        let op_id = item.op_id;
        assert_eq!(self.admit(item).await, Admitted::Created { op_id });
        op_id
    }

    /// Claims at most `limit` operations with one policy; the answer must hold no bad row.
    pub async fn claims(&self, policy: KindPolicy, limit: usize) -> Vec<Attempt> {
        let params = ClaimParams { limit, ..claim_params([policy]) };
        let claimed = self.store.claim(params).await.unwrap();
        claimed.into_iter().map(attempt).collect()
    }

    /// Claims the one operation that is due.
    pub async fn claim_as(&self, policy: KindPolicy) -> Attempt {
        only(self.claims(policy, 10).await)
    }

    /// Claims the one operation that is due, with the default policy; its guard.
    pub async fn claim(&self) -> Lease {
        lease(&self.claim_as(policy()).await)
    }

    /// Claims the one operation that is due, which must be for the handler.
    pub async fn run(&self, policy: KindPolicy) -> Lease {
        let attempt = self.claim_as(policy).await;
        assert_eq!(attempt.purpose, Purpose::Run);
        lease(&attempt)
    }

    /// Claims the one operation that is due, which must be for a question to the provider.
    pub async fn ask(&self, policy: KindPolicy) -> Lease {
        let attempt = self.claim_as(policy).await;
        assert_eq!(attempt.purpose, Purpose::Reconcile);
        lease(&attempt)
    }

    /// A running operation under this key.
    pub async fn running(&self, key: &str) -> Lease {
        self.running_as(key, policy()).await
    }

    /// A running operation under this key, claimed with this policy.
    pub async fn running_as(&self, key: &str, policy: KindPolicy) -> Lease {
        self.accepted(key).await;
        self.run(policy).await
    }

    /// A FAILED operation under this key.
    pub async fn failed(&self, key: &str) -> OpId {
        let claim = self.running(key).await;
        self.settle(ended(claim, fail("CARD_DECLINED"))).await;
        claim.op_id
    }

    /// A parked operation under this key.
    pub async fn parked(&self, key: &str) -> OpId {
        self.parked_as(key, false).await
    }

    /// A parked operation under this key, whose kind has a hook or not.
    pub async fn parked_as(&self, key: &str, hooked: bool) -> OpId {
        let in_doubt_parks = orch_core::policies::InDoubt::Park;
        let claim =
            self.running_as(key, KindPolicy { in_doubt: in_doubt_parks, hooked, ..policy() }).await;
        assert_eq!(self.settle(ended(claim, in_doubt("no answer"))).await, Finalized::Parked);
        claim.op_id
    }

    /// Nothing is due under these rules.
    pub async fn nothing_to_claim(&self, policy: KindPolicy) {
        assert_eq!(self.claims(policy, 10).await, []);
    }

    /// Renews one lease.
    pub async fn renew(&self, claim: Lease) -> Renewed {
        let params = RenewParams { leases: vec![claim], lease: LEASE };
        only(self.store.renew(params).await.unwrap())
    }

    /// Logs one end.
    pub async fn log(&self, ended: EndedAttempt) -> Logged {
        only(self.store.log(vec![ended]).await.unwrap())
    }

    /// Finalizes one logged end.
    pub async fn finalize(&self, claim: Lease, hook: Option<FinalizeHook>) -> Finalized {
        only(self.store.finalize(vec![Finalization { claim, hook }]).await.unwrap())
    }

    /// Logs and finalizes one end.
    pub async fn settle(&self, ended: EndedAttempt) -> Finalized {
        only(self.store.settle(vec![ended]).await.unwrap())
    }

    /// Gives one claim back.
    pub async fn release(&self, claim: Lease, reason: ReleaseReason) -> Released {
        only(self.store.release(vec![Release { claim, reason }]).await.unwrap())
    }

    /// One pass over expired leases.
    pub async fn sweep_expired(&self) -> Vec<Swept> {
        self.store.sweep_expired(sweep_params([policy()])).await.unwrap()
    }

    /// Lets the one lease that is held run out, and takes it back.
    pub async fn expire(&self) -> Option<Finalized> {
        self.clock.advance(LEASE);
        only(self.sweep_expired().await).to
    }

    /// One pass over deadlines, by a worker with the default policy.
    pub async fn sweep_over_budget(&self) -> Vec<Swept> {
        self.store.sweep_over_budget(sweep_params([policy()])).await.unwrap()
    }

    /// Goes to the end of the fixture's time budget and sweeps.
    pub async fn spend_budget(&self) -> Vec<Swept> {
        self.clock.advance(BUDGET);
        self.sweep_over_budget().await
    }

    /// Carries out a decision.
    pub async fn settle_parked(&self, op_id: OpId, settle: Settle) -> SettledParked {
        let (who, why) = ("ann".to_owned(), "asked the bank".to_owned());
        let params = SettleParams { op_id, owner: owner(), settle, who, why };
        self.store.settle_parked(params).await.unwrap()
    }

    /// Redrives under a new id.
    pub async fn redrive(&self, op_id: OpId, even_if_uncertain: bool) -> Redriven {
        let new_op_id = OpId::generate();
        let params = RedriveParams { op_id, owner: owner(), new_op_id, even_if_uncertain };
        self.store.redrive(params).await.unwrap()
    }

    /// The operation, which must be there.
    pub async fn operation(&self, op_id: OpId) -> Operation {
        self.store.get(&owner(), op_id).await.unwrap().expect("the operation is there")
    }

    /// Its log.
    pub async fn history(&self, op_id: OpId) -> Vec<LogEntry> {
        self.store.history(&owner(), op_id).await.unwrap()
    }

    /// Its dead letter, which must be there.
    pub async fn dead_letter(&self, op_id: OpId) -> DeadLetter {
        self.store.dead_letter(&owner(), op_id).await.unwrap().expect("a dead letter is there")
    }

    /// Why it failed; it must have.
    pub async fn failure(&self, op_id: OpId) -> Failure {
        match self.operation(op_id).await.settlement {
            Some(orch_core::words::Settlement::Failed(failure)) => failure,
            other => panic!("not failed: {other:?}"),
        }
    }

    /// What the Finalizer of a worker with the default kind has to do.
    pub async fn unfinalized(&self) -> Vec<Lease> {
        let found = self.store.unfinalized(&[kind()], 10).await.unwrap();
        found.into_iter().map(|unfinalized| unfinalized.claim).collect()
    }

    /// Every operation, in one page.
    pub async fn all(&self) -> Vec<Listed> {
        self.store.list(ListParams::default()).await.unwrap().items
    }
}

/// The guard of a claimed attempt.
#[must_use]
pub fn lease(attempt: &Attempt) -> Lease {
    attempt.lease()
}

/// PAYMENT/CHARGE, the kind of everything unless a case says otherwise.
#[must_use]
pub fn kind() -> Kind {
    Kind::new("PAYMENT", "CHARGE").unwrap()
}

/// PAYMENT/REFUND, a second kind.
#[must_use]
pub fn other_kind() -> Kind {
    Kind::new("PAYMENT", "REFUND").unwrap()
}

/// The default owner.
#[must_use]
pub fn owner() -> Owner {
    Owner::default()
}

/// A second owner.
#[must_use]
pub fn tenant() -> Owner {
    Owner::new("tenant-2").unwrap()
}

/// Three attempts, doubt is retried, no hook.
#[must_use]
pub fn policy() -> KindPolicy {
    KindPolicy::new(kind())
}

/// A command under this key, with a new id.
#[must_use]
pub fn acceptance(key: &str) -> Acceptance {
    let command = Command::new("PAYMENT", "CHARGE", "ORDER-1", key, r#"{"amount":5}"#).unwrap();
    let fingerprint = Fingerprint::of(command.payload());
    let (op_id, owner) = (OpId::generate(), owner());
    Acceptance { op_id, owner, command, fingerprint, time_budget: BUDGET }
}

/// A claim of up to ten by a new worker.
#[must_use]
pub fn claim_params<const N: usize>(kinds: [KindPolicy; N]) -> ClaimParams {
    let worker = WorkerId::generate("suite").unwrap();
    ClaimParams { kinds: kinds.into(), worker, limit: 10, lease: LEASE }
}

/// A sweep of up to ten.
#[must_use]
pub fn sweep_params<const N: usize>(kinds: [KindPolicy; N]) -> SweepParams {
    SweepParams { kinds: kinds.into(), limit: 10 }
}

/// The end of a handler's attempt.
#[must_use]
pub fn ended(claim: Lease, end: AttemptEnd) -> EndedAttempt {
    EndedAttempt { claim, source: Source::Handler, end, delay: DELAY }
}

/// The end of a question to the provider.
#[must_use]
pub fn reconciled(claim: Lease, end: AttemptEnd) -> EndedAttempt {
    EndedAttempt { claim, source: Source::Reconcile, end, delay: DELAY }
}

/// This text as an output.
#[must_use]
pub fn output(text: &str) -> Payload {
    Payload::from(text)
}

/// The provider did it.
#[must_use]
pub fn ok(text: &str) -> AttemptEnd {
    AttemptEnd::Outcome(Outcome::Ok { output: output(text) })
}

/// Try again.
#[must_use]
pub fn retry(reason: &str) -> AttemptEnd {
    AttemptEnd::Outcome(Outcome::Retry { reason: reason.to_owned(), after: None })
}

/// It will not succeed.
#[must_use]
pub fn fail(code: &str) -> AttemptEnd {
    AttemptEnd::Outcome(Outcome::Fail(Failure::new(code, "the provider said no")))
}

/// Nobody knows.
#[must_use]
pub fn in_doubt(reason: &str) -> AttemptEnd {
    AttemptEnd::InDoubt { reason: reason.to_owned() }
}

/// The provider has not acted.
#[must_use]
pub fn not_happened() -> AttemptEnd {
    AttemptEnd::NotHappened
}

/// The ids on a page, of decodable and other rows alike.
#[must_use]
pub fn listed(items: &[Listed]) -> Vec<OpId> {
    let id = |item: &Listed| match item {
        Listed::Operation(operation) => operation.op_id,
        Listed::Undecodable { op_id, .. } => *op_id,
    };
    items.iter().map(id).collect()
}

fn attempt(claimed: Claimed) -> Attempt {
    match claimed {
        Claimed::Attempt(attempt) => attempt,
        Claimed::Undecodable { op_id, reason } => panic!("{op_id} is undecodable: {reason}"),
    }
}

/// The one item of an answer.
pub(crate) fn only<T: std::fmt::Debug>(items: Vec<T>) -> T {
    match <[T; 1]>::try_from(items) {
        Ok([item]) => item,
        Err(items) => panic!("one item was expected: {items:?}"),
    }
}
