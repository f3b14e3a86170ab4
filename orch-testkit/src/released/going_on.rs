use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use orch_core::policies::UNDATED_RETENTION;
use orch_core::store::{
    Claim, ClaimParams, Claimed, ConnectionType, Finalization, FinalizeHook, Finalized, HookError,
    HookFn, ListParams, ManualClock, Purpose, RedriveParams, Redriven, RenewParams, Renewed,
    Resolution, ResolveParams, Resolved, Store, SweepParams,
};
use orch_core::words::{AttemptEnd, ClaimId, Fence, Kind, OpId, Owner, Phase, Source, WorkerId};

use super::{Expected, Released, Seen, listed};
use crate::fixture::{self, LEASE, ended, ok, reconciled};

/// Longer than the last backoff of the Finalizer.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// By then all is due that waits.
const TWO_DAYS: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// A hook that does nothing, for a store whose connection is a `C`.
#[must_use]
pub fn quiet_hook<C: 'static>() -> FinalizeHook {
    HookFn { connection: ConnectionType::of::<C>, run: |_, _, _| Box::pin(async { Ok(()) }) }.into()
}

/// Carries out what [`Released::goes_on`] promises.
pub(super) async fn check(
    released: &Released,
    store: &dyn Store,
    clock: &ManualClock,
    hook: FinalizeHook,
) {
    let journal = BTreeMap::new();
    let mut going = GoingOn { released, store, hook, journal, redrives: BTreeMap::new() };
    going.kinds_without_a_worker_are_reported().await;
    going.workers_that_hold_a_lease_answer().await;
    going.leases_expire().await;
    going.time_budgets_end().await;
    clock.advance(HOUR);
    going.a_hook_that_failed_fails_again().await;
    clock.advance(HOUR);
    going.the_finalizer_comes().await;
    going.an_operator_decides().await;
    going.failures_are_redriven().await;
    clock.advance(TWO_DAYS);
    going.the_finalizer_comes().await;
    going.workers_claim_what_is_due().await;
    going.time_budgets_end().await;
    going.what_cannot_be_decoded_is_parked().await;
    going.each_took_its_steps().await;
    assert_eq!(store.purge(1).await.unwrap().operations, 0);
    clock.advance(UNDATED_RETENTION);
    going.only_what_is_finished_is_purged().await;
}

struct GoingOn<'a> {
    released: &'a Released,
    store: &'a dyn Store,
    hook: FinalizeHook,
    /// What happened to each operation, in the words of its steps.
    journal: BTreeMap<OpId, Vec<String>>,
    /// The failed operation behind each new one.
    redrives: BTreeMap<OpId, OpId>,
}

impl GoingOn<'_> {
    async fn kinds_without_a_worker_are_reported(&self) {
        let known: Vec<Kind> = self.released.policies().into_iter().map(|p| p.kind).collect();
        let found = self.store.unknown_kinds(&known).await.unwrap();
        let open = |expected: &&Expected| {
            let seen = expected.seen.as_ref().filter(|seen| seen.status == "PENDING");
            seen.is_some_and(|seen| known.iter().all(|kind| kind.to_string() != seen.kind))
        };
        let waiting = self.released.operations.iter().filter(open).count() as u64;
        let counts: Vec<u64> = found.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [waiting], "{found:?}");
    }

    async fn workers_that_hold_a_lease_answer(&mut self) {
        let now = self.store.now().await.unwrap();
        for Expected { op_id, owner, name, seen, .. } in &self.released.operations {
            let Some(seen) = seen else { continue };
            let operation = self.store.get(owner, *op_id).await.unwrap().unwrap();
            if operation.lease_expires_at.is_none_or(|expires| expires <= now) {
                continue;
            }
            let claim = Claim { op_id: *op_id, fence: Fence::new(seen.fence) };
            let renewal = RenewParams { claims: vec![claim], lease: LEASE };
            let renewed = self.store.renew(renewal).await.unwrap();
            assert!(matches!(renewed[..], [Renewed::Renewed { .. }]), "{name}: {renewed:?}");
            let asking = seen.phase.as_deref() == Some("in_doubt");
            let source = if asking { Source::Reconcile } else { Source::Handler };
            self.answer(claim, source, "its worker answers").await;
        }
    }

    async fn leases_expire(&mut self) {
        loop {
            let swept = self.store.sweep_expired(3).await.unwrap();
            if swept.is_empty() {
                return;
            }
            for swept in swept {
                // Whether a row that was only parked is among the answers is the store's choice.
                let Some(before) = &self.expected(swept.op_id).seen else { continue };
                let after = Seen::read(self.store, self.owner(swept.op_id), swept.op_id).await;
                // A lost reconcile leaves no entry.
                let lost = after.and_then(|after| after.logged_by(before.fence));
                let worker = lost.map(|worker| format!(", lost by {worker}")).unwrap_or_default();
                self.happened(swept.op_id, &format!("its lease expires{worker}")).await;
            }
        }
    }

    async fn time_budgets_end(&mut self) {
        loop {
            let params =
                SweepParams { kinds: self.released.policies(), held_kinds: Vec::new(), limit: 3 };
            let swept = self.store.sweep_over_budget(params).await.unwrap();
            if swept.is_empty() {
                return;
            }
            for swept in swept {
                self.happened(swept.op_id, "its time budget ends").await;
            }
        }
    }

    async fn what_cannot_be_decoded_is_parked(&self) {
        let parked = ListParams::default().phase(Phase::Parked);
        let parked = fixture::listed(&self.store.list(parked).await.unwrap().items);
        let undecodable = |op_id: &OpId| !self.is_decodable(*op_id);
        let all = self.released.operations.iter().map(|expected| expected.op_id);
        assert_eq!(parked, all.filter(undecodable).collect::<Vec<_>>());
    }

    async fn the_finalizer_comes(&mut self) {
        let kinds: Vec<Kind> = self.released.policies().into_iter().map(|p| p.kind).collect();
        loop {
            let due = self.store.unfinalized(&kinds, 3).await.unwrap();
            if due.is_empty() {
                return;
            }
            for due in due {
                self.finalize(due.claim).await;
                self.happened(due.claim.op_id, "the Finalizer comes").await;
            }
        }
    }

    /// How often it had failed decides when the next try is due.
    async fn a_hook_that_failed_fails_again(&mut self) {
        let hook = FinalizeHook::from(HookFn {
            run: |_, _, _| Box::pin(async { Err(HookError::new("the ledger is closed")) }),
            ..self.hook.function
        });
        for Expected { op_id, seen, .. } in &self.released.operations {
            let Some(seen) = seen.as_ref().filter(|seen| seen.waits_for_its_hook()) else {
                continue;
            };
            let claim = Claim { op_id: *op_id, fence: Fence::new(seen.fence) };
            let now = self.store.now().await.unwrap();
            let item = Finalization { claim, hook: Some(hook.clone()) };
            let finalized = self.store.finalize(vec![item]).await.unwrap();
            let [Finalized::HookFailed { due_at, .. }] = finalized[..] else {
                panic!("{op_id}: {finalized:?}");
            };
            let seconds = due_at.since(now).as_secs();
            self.happened(*op_id, &format!("its hook fails, again in {seconds} s")).await;
        }
    }

    async fn an_operator_decides(&mut self) {
        for Expected { op_id, owner, operator, .. } in &self.released.operations {
            let Some(decision) = operator else { continue };
            let resolution = match decision.as_str() {
                "ok" => Resolution::ok("by hand").unwrap(),
                "fail" => Resolution::fail("NOT_WANTED", "the customer has cancelled"),
                "run again" => Resolution::RunAgain,
                other => panic!("no such decision: {other}"),
            };
            let (who, why) = ("bob".to_owned(), "asked the provider".to_owned());
            let (op_id, owner, hooked_kinds) = (*op_id, owner.clone(), Vec::new());
            let params = ResolveParams { op_id, owner, resolution, who, why, hooked_kinds };
            let answer = self.store.resolve(params).await.unwrap();
            assert!(matches!(answer, Resolved::Resolved(_)), "{op_id}: {answer:?}");
            self.happened(op_id, &format!("an operator says {decision}")).await;
        }
    }

    /// Those that had failed before; by the way each that was redriven says so.
    async fn failures_are_redriven(&mut self) {
        for Expected { op_id, owner, seen, .. } in &self.released.operations {
            if seen.as_ref().is_none_or(|seen| seen.status != "FAILED") {
                continue;
            }
            let answer = match self.redrive(*op_id, owner, false).await {
                Redriven::Created { .. } => "redriven".to_owned(),
                Redriven::Taken { by } => format!("taken by {by}"),
                Redriven::AlreadyRedriven { op_id } => format!("was redriven as {op_id}"),
                Redriven::Uncertain => {
                    let answer = self.redrive(*op_id, owner, true).await;
                    assert!(matches!(answer, Redriven::Created { .. }), "{op_id}: {answer:?}");
                    "redriven, although uncertain".to_owned()
                }
                answer => panic!("{op_id}: {answer:?}"),
            };
            self.happened(*op_id, &answer).await;
        }
    }

    async fn redrive(&mut self, op_id: OpId, owner: &Owner, even_if_uncertain: bool) -> Redriven {
        let mut new = *op_id.as_bytes();
        new[8] ^= 0x20;
        let new_op_id = OpId::from_bytes(new);
        let owner = owner.clone();
        let params = RedriveParams { op_id, owner, new_op_id, even_if_uncertain };
        self.redrives.insert(new_op_id, op_id);
        self.store.redrive(params).await.unwrap()
    }

    /// Until nothing is due.
    async fn workers_claim_what_is_due(&mut self) {
        loop {
            let params = ClaimParams {
                kinds: self.released.policies(),
                worker: WorkerId::generate("migrated").unwrap(),
                id: ClaimId::generate(),
                limit: 7,
                lease: LEASE,
            };
            let claimed = self.store.claim(params).await.unwrap();
            if claimed.is_empty() {
                return;
            }
            for claimed in claimed {
                self.claimed(claimed).await;
            }
        }
    }

    async fn claimed(&mut self, claimed: Claimed) {
        let operation = match claimed {
            Claimed::Operation(operation) => operation,
            Claimed::Undecodable { op_id, .. } | Claimed::Refused { op_id, .. } => {
                return self.happened(op_id, "a claim").await;
            }
        };
        let (number, generation) = (operation.envelope.attempt, operation.envelope.key_generation);
        let mut what = match operation.purpose {
            Purpose::Attempt => format!("attempt {number} succeeds"),
            Purpose::Reconcile => format!("reconcile {} answers", operation.reconciles),
        };
        if generation > 0 {
            what += &format!(", with key {generation}");
        }
        if operation.unresolved {
            what += &format!(", in doubt since {}", operation.first_called_at);
        }
        let source = match operation.purpose {
            Purpose::Attempt => Source::Handler,
            Purpose::Reconcile => Source::Reconcile,
        };
        self.answer(operation.claim(), source, &what).await;
    }

    /// The provider did it. Where the kind has a hook, log and finalize are two steps.
    async fn answer(&mut self, claim: Claim, source: Source, what: &str) {
        let end: AttemptEnd = ok("done by the present release");
        let ended = match source {
            Source::Reconcile => reconciled(claim, end),
            _ => ended(claim, end),
        };
        if self.is_hooked(claim.op_id).await {
            self.store.log(vec![ended]).await.unwrap();
            self.finalize(claim).await;
        } else {
            self.store.settle(vec![ended]).await.unwrap();
        }
        self.happened(claim.op_id, what).await;
    }

    async fn finalize(&self, claim: Claim) {
        let finalization = Finalization { claim, hook: Some(self.hook.clone()) };
        self.store.finalize(vec![finalization]).await.unwrap();
    }

    async fn is_hooked(&self, op_id: OpId) -> bool {
        let operation = self.store.get(self.owner(op_id), op_id).await.unwrap().unwrap();
        let kind = operation.identity.kind();
        self.released.policies().iter().any(|policy| policy.kind == kind && policy.hooked)
    }

    fn is_decodable(&self, op_id: OpId) -> bool {
        self.expected(op_id).seen.is_some()
    }

    fn owner(&self, op_id: OpId) -> &Owner {
        &self.expected(op_id).owner
    }

    /// What is known of an operation, or of the failed one behind it.
    fn expected(&self, op_id: OpId) -> &Expected {
        let first = self.redrives.get(&op_id).copied().unwrap_or(op_id);
        let expected = self.released.operations.iter().find(|expected| expected.op_id == first);
        expected.unwrap_or_else(|| panic!("{op_id} is unknown"))
    }

    /// Notes a step, and where the operation is after it.
    async fn happened(&mut self, op_id: OpId, what: &str) {
        let to = match Seen::read(self.store, self.owner(op_id), op_id).await {
            Some(seen) => seen.place(),
            None => "undecodable".to_owned(),
        };
        let (first, of) = match self.redrives.get(&op_id) {
            Some(failed) => (*failed, "its redrive: "),
            None => (op_id, ""),
        };
        self.journal.entry(first).or_default().push(format!("{of}{what} → {to}"));
    }

    async fn each_took_its_steps(&self) {
        let mut wrong = Vec::new();
        for Expected { op_id, owner, name, seen: before, then, .. } in &self.released.operations {
            let steps = self.journal.get(op_id).cloned().unwrap_or_default();
            if steps != *then {
                wrong.push(format!("{op_id}: {name}: {steps:#?}"));
            }
            let after = Seen::read(self.store, owner, *op_id).await;
            if steps.is_empty() {
                assert_eq!(&after, before, "{op_id}: {name}");
            }
            let (Some(before), Some(after)) = (before, after) else { continue };
            let kept = before.history.iter().zip(&after.history).all(|(b, a)| a.is_later(b));
            assert!(kept && before.history.len() <= after.history.len(), "{op_id}: {after:#?}");
        }
        assert!(wrong.is_empty(), "these took other steps:\n{}", wrong.join("\n"));
    }

    async fn only_what_is_finished_is_purged(&self) {
        let open = |expected: &&Expected| {
            let last = expected.then.last().map(|step| step.rsplit(" → ").next().unwrap());
            let seen = expected.seen.as_ref().map(|seen| seen.status.as_str());
            let now = last.or(seen).unwrap_or("undecodable");
            !now.starts_with("COMPLETED") && !now.starts_with("FAILED")
        };
        let open: BTreeSet<OpId> =
            self.released.operations.iter().filter(open).map(|expected| expected.op_id).collect();
        while self.store.purge(10).await.unwrap().operations > 0 {}
        assert_eq!(listed(self.store).await, open);
    }
}
