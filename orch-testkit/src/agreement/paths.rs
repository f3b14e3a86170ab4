use std::collections::HashMap;
use std::sync::Arc;

use orch_core::machine::{Answer, Ended, Entry, Fact, Finalized, Step, step};
use orch_core::policies::KindPolicy;
use orch_core::store::{
    Claim, ClaimParams, Claimed, ClaimedOperation, ConnectionType, EndedAttempt, Finalization,
    FinalizeHook, HookError, HookFn, Logged, ManualClock, Release, Released, RenewParams, Renewed,
    ResolveParams, Resolved, Store, SweepParams, Swept,
};
use orch_core::words::{ClaimId, Fence, OpId, Owner, Status, Timestamp};

use super::compare::{around, between};
use super::from_environment;
use super::history::{WHOLE_SINCE, lose_history};
use super::{Generator, Kept, KeptRows};
use crate::fixture::{LEASE, kind, other_kind};

/// Pairs of a row and a fact that one call of a verb takes.
const BATCH: usize = 64;
/// Pairs for each verb, unless the environment says otherwise.
const DEFAULT_PAIRS: usize = 2_000;
/// What the failing hook says.
const HOOK_ERROR: &str = "the ledger is closed";

/// A verb, or the part of one that has its own statement.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named after its verb")]
pub enum Path {
    Claim,
    Renew,
    Release,
    Log,
    SettleDefinite,
    SettleOpen,
    Finalize,
    HookFails,
    SweepExpired,
    SweepEarlier,
    SweepOverBudget,
    Resolve,
}

/// Runs one verb over generated rows, in batches.
#[doc(hidden)]
pub fn check(rows: impl KeptRows, path: Path) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let clock = Arc::new(ManualClock::default());
    let pairs = from_environment("ORCH_AGREEMENT_PAIRS").unwrap_or(DEFAULT_PAIRS as u64);
    let seed = from_environment("ORCH_AGREEMENT_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{path:?}: ORCH_AGREEMENT_SEED={seed}");
    runtime.block_on(async {
        let store = rows.open(Arc::clone(&clock)).await;
        let now = store.now().await.unwrap();
        let copied = seed.is_multiple_of(4);
        lose_history(&*store, copied).await;
        let mut generator = Generator::new(seed, now);
        let mut changed = 0;
        for _ in 0..pairs.div_ceil(BATCH as u64) {
            let all: Vec<Kept> = (0..BATCH).map(|_| generator.kept()).collect();
            rows.put(&all).await;
            let generator = &mut generator;
            let mut batch = Batch { generator, all: &all, now, copied, expected: vec![] };
            batch.run(path, &*store).await;
            changed += batch.compare(&rows).await;
        }
        // A verb that never meets a row it can move would agree with anything.
        assert!(changed * 40 > pairs, "{path:?} changed {changed} rows only");
    });
}

/// Rows that a verb is called on once, and what `step` says of each.
struct Batch<'a> {
    generator: &'a mut Generator,
    all: &'a [Kept],
    now: Timestamp,
    /// Whether the database is confirmed as a copy.
    copied: bool,
    /// For the least jitter and for the most.
    expected: Vec<[Step; 2]>,
}

impl Batch<'_> {
    async fn run(&mut self, path: Path, store: &dyn Store) {
        match path {
            Path::Claim => self.claim(store).await,
            Path::Renew => self.renew(store).await,
            Path::Release => self.release(store).await,
            Path::Log => self.log(store).await,
            Path::SettleDefinite => self.settle(store, true).await,
            Path::SettleOpen => self.settle(store, false).await,
            Path::Finalize => self.finalize(store).await,
            Path::HookFails => self.finalize_with_failing_hook(store).await,
            Path::SweepExpired => self.sweep_expired(store).await,
            Path::SweepEarlier => self.sweep_earlier(store).await,
            Path::SweepOverBudget => self.sweep_over_budget(store).await,
            Path::Resolve => self.resolve(store).await,
        }
    }

    /// What the store keeps now is what `step` says. Returns how many rows have changed.
    async fn compare(self, rows: &impl KeptRows) -> u64 {
        let op_ids: Vec<OpId> = self.all.iter().map(|kept| kept.row.op_id).collect();
        let now_kept = rows.kept(&op_ids).await;
        assert_eq!(now_kept.len(), self.all.len());
        let mut changed = 0;
        for ((before, steps), got) in self.all.iter().zip(&self.expected).zip(now_kept) {
            let [least, most] = around(steps, &got).map(|step| before.after(step));
            changed += u64::from(least != *before);
            let got = between(got.comparable(), &least, &most);
            let wanted = least.comparable();
            assert_eq!(got, wanted, "\nbefore: {before:#?}");
        }
        changed
    }

    /// What a fact means for a row, for the least jitter and for the most.
    fn expect<'f>(&mut self, kept: &Kept, fact: impl Fn(f64) -> Fact<'f>) -> Answer {
        let steps = [0.0, 1.0].map(|jitter| step(&kept.row, fact(jitter), self.now));
        let answer = steps[0].answer.clone();
        self.expected.push(steps);
        answer
    }

    /// Nothing happens to this row.
    fn expect_nothing(&mut self, kept: &Kept) {
        let (row, answer) = (kept.row.clone(), Answer::Stale);
        let nothing = Step { row, entries: Vec::new(), letter: None, answer };
        self.expected.push([nothing.clone(), nothing]);
    }

    fn policies(&mut self) -> Vec<KindPolicy> {
        [kind(), other_kind()].map(|kind| self.generator.policy(kind)).into()
    }

    /// Claims of the rows, some of them superseded or never made.
    fn claims(&mut self) -> Vec<Claim> {
        let claim =
            |kept: &Kept| Claim { op_id: kept.row.op_id, fence: self.generator.fence(&kept.row) };
        self.all.iter().map(claim).collect()
    }

    async fn claim(&mut self, store: &dyn Store) {
        let (kinds, worker) = (self.policies(), self.generator.worker());
        let params = ClaimParams {
            kinds: kinds.clone(),
            worker,
            id: ClaimId::generate(),
            limit: BATCH,
            lease: LEASE,
        };
        let claimed = by_id(store.claim(params.clone()).await.unwrap());
        for kept in self.all {
            let policy = kinds.iter().find(|policy| policy.kind == kept.row.policy.kind).unwrap();
            let (worker, id, lease) = (&params.worker, params.id, LEASE);
            let whole_since = WHOLE_SINCE;
            let fact = Fact::Claimed { policy, worker, id, lease, whole_since };
            let answer = self.expect(kept, |_| fact);
            let got = claimed.get(&kept.row.op_id);
            match answer {
                Answer::Claimed(purpose) => {
                    let row = &self.expected.last().unwrap()[0].row;
                    let request = kept.request.clone();
                    let wanted = ClaimedOperation::of(row, request, purpose, self.now);
                    assert_eq!(got, Some(&wanted), "before: {kept:#?}");
                }
                _ => assert_eq!(got, None, "before: {kept:#?}"),
            }
        }
    }

    async fn renew(&mut self, store: &dyn Store) {
        let claims = self.claims();
        let params = RenewParams { claims: claims.clone(), lease: LEASE };
        let answers = store.renew(params).await.unwrap();
        for ((kept, claim), got) in self.all.iter().zip(claims).zip(answers) {
            let fact = Fact::Renewed { fence: claim.fence, lease: LEASE };
            let wanted = match self.expect(kept, |_| fact) {
                Answer::Renewed { lease_expires_at } => Renewed::Renewed { lease_expires_at },
                _ => Renewed::Stale,
            };
            assert_eq!(got, wanted, "{claim:?}, before: {kept:#?}");
        }
    }

    async fn release(&mut self, store: &dyn Store) {
        let claims = self.claims();
        let release = |claim| Release { claim, reason: self.generator.release_reason() };
        let releases: Vec<Release> = claims.into_iter().map(release).collect();
        let answers = store.release(releases.clone()).await.unwrap();
        for ((kept, release), got) in self.all.iter().zip(&releases).zip(answers) {
            let Release { claim: Claim { fence, .. }, reason } = release;
            let logged = logged(kept, *fence);
            let answer = self.expect(kept, |_| Fact::Released { fence: *fence, reason, logged });
            let wanted = match answer {
                Answer::Released => Released::Released,
                _ => Released::Stale,
            };
            assert_eq!(got, wanted, "{release:?}, before: {kept:#?}");
        }
    }

    fn ended(&mut self, definite: Option<bool>) -> Vec<EndedAttempt> {
        let claims = self.claims();
        let generator = &mut *self.generator;
        let ended = |claim| {
            let definite = definite.unwrap_or_else(fastrand::bool);
            let (source, end) = (generator.source(), generator.end(definite));
            EndedAttempt { claim, source, end, delay: generator.delay() }
        };
        claims.into_iter().map(ended).collect()
    }

    async fn log(&mut self, store: &dyn Store) {
        let batch = self.ended(None);
        let answers = store.log(batch.clone()).await.unwrap();
        for ((kept, ended), got) in self.all.iter().zip(&batch).zip(answers) {
            let wanted = match self.expect(kept, |_| Fact::Logged(under(ended, kept))) {
                Answer::Logged => Logged::Logged,
                _ => Logged::Stale,
            };
            assert_eq!(got, wanted, "{ended:?}, before: {kept:#?}");
        }
    }

    async fn settle(&mut self, store: &dyn Store, definite: bool) {
        let batch = self.ended(Some(definite));
        let answers = store.settle(batch.clone()).await.unwrap();
        for ((kept, ended), got) in self.all.iter().zip(&batch).zip(answers) {
            let wanted = self.expect(kept, |_| Fact::Settled(under(ended, kept))).finalized();
            assert_eq!(got, wanted, "{ended:?}, before: {kept:#?}");
        }
    }

    async fn finalize(&mut self, store: &dyn Store) {
        let claims = self.claims();
        let hook = |_: &Claim| fastrand::bool().then(|| succeeding_hook().into());
        let hooks: Vec<Option<FinalizeHook>> = claims.iter().map(hook).collect();
        let batch = claims.iter().zip(&hooks);
        let batch = batch.map(|(claim, hook)| Finalization { claim: *claim, hook: hook.clone() });
        let answers = store.finalize(batch.collect()).await.unwrap();
        for (((kept, claim), hook), got) in self.all.iter().zip(claims).zip(hooks).zip(answers) {
            let (fence, logged) = (claim.fence, logged(kept, claim.fence));
            let has_hook = hook.is_some();
            let fact = Fact::Finalized { fence, logged, has_hook };
            let wanted = self.expect(kept, |_| fact).finalized();
            assert_eq!(got, wanted, "{claim:?}, {has_hook}, before: {kept:#?}");
        }
    }

    async fn finalize_with_failing_hook(&mut self, store: &dyn Store) {
        let claims = self.claims();
        let hook = || Some(failing_hook().into());
        let batch = claims.iter().map(|claim| Finalization { claim: *claim, hook: hook() });
        let answers = store.finalize(batch.collect()).await.unwrap();
        let error = HookError::new(HOOK_ERROR).to_string();
        for ((kept, claim), got) in self.all.iter().zip(claims).zip(answers) {
            let (fence, logged) = (claim.fence, logged(kept, claim.fence));
            let finalized = Fact::Finalized { fence, logged, has_hook: true };
            // The hook runs where the step makes the operation terminal.
            if step(&kept.row, finalized, self.now).finishes(&kept.row).is_none() {
                let wanted = self.expect(kept, |_| finalized).finalized();
                assert_eq!(got, wanted, "{claim:?}, before: {kept:#?}");
                continue;
            }
            let fact = |jitter| Fact::HookFailed { fence, logged, error: &error, jitter };
            let wanted = self.expect(kept, fact).finalized();
            match (&got, &wanted) {
                // Which instant within the jitter is compared with the row.
                (Finalized::HookFailed { reason, .. }, Finalized::HookFailed { .. }) => {
                    assert_eq!(*reason, error);
                }
                _ => assert_eq!(got, wanted, "{claim:?}, before: {kept:#?}"),
            }
        }
    }

    async fn sweep_expired(&mut self, store: &dyn Store) {
        let swept = swept(store.sweep_expired(BATCH).await.unwrap());
        for kept in self.all {
            self.expect(kept, |jitter| Fact::LeaseExpired { jitter });
            self.expect_swept(kept, &swept);
        }
    }

    async fn sweep_earlier(&mut self, store: &dyn Store) {
        let kinds = self.policies();
        let params = SweepParams { kinds: kinds.clone(), held_kinds: Vec::new(), limit: BATCH };
        let swept = swept(store.sweep_earlier(params).await.unwrap());
        for kept in self.all {
            let policy = kinds.iter().find(|policy| policy.kind == kept.row.policy.kind).unwrap();
            let (whole_since, copied) = (WHOLE_SINCE, self.copied);
            self.expect(kept, |_| Fact::HistoryLost { policy, whole_since, copied });
            self.expect_swept(kept, &swept);
        }
    }

    async fn sweep_over_budget(&mut self, store: &dyn Store) {
        // Mostly one kind is known, so that PENDING operations of the other have to wait.
        let mut kinds = self.policies();
        if fastrand::bool() {
            kinds.pop();
        }
        let held_kinds = Vec::new();
        let params = SweepParams { kinds: kinds.clone(), held_kinds, limit: BATCH };
        let swept = swept(store.sweep_over_budget(params).await.unwrap());
        for kept in self.all {
            let policy = kinds.iter().find(|policy| policy.kind == kept.row.policy.kind);
            if kept.row.status == Status::Pending && policy.is_none() {
                self.expect_nothing(kept);
                assert!(!swept.contains_key(&kept.row.op_id), "before: {kept:#?}");
                continue;
            }
            let fact = Fact::BudgetSpent { policy, whole_since: WHOLE_SINCE };
            self.expect(kept, |_| fact);
            self.expect_swept(kept, &swept);
        }
    }

    /// The answer about the last row expected. Which instant within the jitter is compared with
    /// the row.
    fn expect_swept(&self, kept: &Kept, swept: &HashMap<OpId, Option<Finalized>>) {
        let got = swept.get(&kept.row.op_id);
        let answers = self.expected.last().unwrap().each_ref().map(|step| step.answer.clone());
        if answers[0] == Answer::Stale {
            return assert_eq!(got, None, "before: {kept:#?}");
        }
        let got = got.unwrap_or_else(|| panic!("not swept: {kept:#?}"));
        let kind = |to: &Option<Finalized>| to.as_ref().map(std::mem::discriminant);
        let wanted = answers.map(|answer| kind(&answer.moved_or_logged()));
        assert!(wanted.contains(&kind(got)), "{got:?}, before: {kept:#?}");
    }

    async fn resolve(&mut self, store: &dyn Store) {
        for kept in self.all {
            let params = ResolveParams {
                op_id: kept.row.op_id,
                owner: Owner::default(),
                resolution: self.generator.resolution(),
                who: "kim".to_owned(),
                why: "seen on their pages".to_owned(),
                hooked_kinds: self.generator.some_kinds(),
            };
            let got = store.resolve(params.clone()).await.unwrap();
            let (resolution, note) = (&params.resolution, params.note());
            let (note, hooked_kinds, whole_since) = (&*note, &*params.hooked_kinds, WHOLE_SINCE);
            let fence = kept.row.fence;
            let logged = logged(kept, fence);
            let fact =
                Fact::Resolved { fence, logged, resolution, note, hooked_kinds, whole_since };
            let answer = self.expect(kept, |_| fact);
            assert_eq!(got, Resolved::from(answer), "{params:?}, before: {kept:#?}");
        }
    }
}

fn by_id(claimed: Vec<Claimed>) -> HashMap<OpId, ClaimedOperation> {
    let operation = |claimed| match claimed {
        Claimed::Operation(operation) => (operation.envelope.op_id, operation),
        other => panic!("{other:?}"),
    };
    claimed.into_iter().map(operation).collect()
}

fn swept(swept: Vec<Swept>) -> HashMap<OpId, Option<Finalized>> {
    swept.into_iter().map(|swept| (swept.op_id, swept.to)).collect()
}

/// What the log holds under a fence, late entries left out.
fn logged(kept: &Kept, fence: Fence) -> Option<&Entry> {
    kept.log.iter().find(|entry| entry.log.fence == fence && !entry.log.late)
}

fn under<'a>(ended: &'a EndedAttempt, kept: &'a Kept) -> Ended<'a> {
    ended.under(logged(kept, ended.claim.fence))
}

const fn succeeding_hook() -> HookFn {
    HookFn { connection: ConnectionType::of::<()>, run: |_, _, _| Box::pin(async { Ok(()) }) }
}

const fn failing_hook() -> HookFn {
    HookFn {
        connection: ConnectionType::of::<()>,
        run: |_, _, _| Box::pin(async { Err(HookError::new(HOOK_ERROR)) }),
    }
}
