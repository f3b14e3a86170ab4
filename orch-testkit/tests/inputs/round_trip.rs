//! Generated inputs through one store, a batch at a time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use orch_core::flow::Acceptor;
use orch_core::machine::{Fact, Row, step};
use orch_core::policies::KindPolicy;
use orch_core::store::{
    Acceptance, Admitted, ClaimParams, Claimed, ClaimedOperation, EndedAttempt, Finalized,
    ListParams, Listed, ManualClock, Store,
};
use orch_core::words::{
    AttemptEnd, ClaimId, Command, FinalOutcome, Fingerprint, Identity, Invalid, KeySeed, Kind,
    OpId, Operation, Outcome, Owner, Payload, Phase, Source, Timestamp, WorkerId,
};
use proptest::test_runner::{Config, TestRunner};

use crate::cases::{Case, LONGEST, PAYLOAD_LIMIT, case, millis};
use crate::common::Backend;
use crate::setting;
use crate::stores::Opened;

/// Cases that go through the store together.
const BATCH: usize = 64;
const LEASE: Duration = Duration::from_secs(30);

pub fn every_input(backend: Backend) {
    let cases = setting("ORCH_INPUT_CASES", 1536);
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let opened = tokio.block_on(Opened::new(backend, Arc::new(ManualClock::default())));
    let store = Arc::clone(&opened.store);
    let acceptor = {
        let _within = tokio.enter();
        Acceptor::start(Arc::clone(&store), PAYLOAD_LIMIT, Duration::from_secs(10))
    };
    let world = World { store, acceptor, tokio, seen: std::sync::Mutex::default() };
    let batches = cases.div_ceil(u32::try_from(BATCH).unwrap());
    let config = Config { cases: batches, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&proptest::collection::vec(case(), BATCH), |cases| {
            world.tokio.block_on(world.check(cases));
            Ok(())
        })
        .unwrap();
    let seen = world.seen.lock().unwrap();
    let (kept, refused) = (seen.kept, seen.refused);
    drop(seen);
    let listed = world.tokio.block_on(world.list_all());
    println!(
        "{backend:?}: {kept} inputs kept exactly, {refused} refused, {listed} rows read again"
    );
    assert!(kept > refused / 4 && refused > 0, "{kept} kept, {refused} refused");
}

struct World {
    store: Arc<dyn Store>,
    acceptor: Acceptor,
    tokio: tokio::runtime::Runtime,
    seen: std::sync::Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    identities: HashMap<Identity, (OpId, Fingerprint)>,
    kept: usize,
    refused: usize,
}

/// An input that is to be stored.
struct Stored {
    case: Case,
    acceptance: Acceptance,
    identity: Identity,
}

impl World {
    async fn check(&self, cases: Vec<Case>) {
        let mut items = Vec::new();
        for case in cases {
            match self.offered(&case) {
                Ok(acceptance) => {
                    assert_eq!(case.broken(), None, "taken: {case:?}");
                    let identity = acceptance.command.identity(&acceptance.owner);
                    items.push(Stored { case, acceptance, identity });
                }
                Err(invalid) => {
                    assert_eq!(Some(field(&invalid)), case.broken(), "{invalid}: {case:?}");
                    self.seen.lock().unwrap().refused += 1;
                }
            }
        }
        let new = self.accept(items).await;
        let claimed = self.claim(&new).await;
        self.settle(&new, &claimed).await;
        self.seen.lock().unwrap().kept += new.len();
    }

    /// The checks of every accept, before any database.
    fn offered(&self, case: &Case) -> Result<Acceptance, Invalid> {
        let Case { domain, event_type, biz_key, idem_key, payload, time_budget, .. } = case;
        let payload = Payload::from(payload.clone());
        let command = Command::new(domain, event_type, biz_key, idem_key, payload)?;
        let acceptance = Acceptance {
            op_id: OpId::generate(),
            owner: Owner::new(case.owner.as_str())?,
            fingerprint: Fingerprint::of(command.payload()),
            command,
            time_budget: *time_budget,
            key_seed: KeySeed::from_bytes([9; 16]),
            form: None,
            earlier: Vec::new(),
            unique: false,
        };
        self.acceptor.check(&acceptance)?;
        Ok(acceptance)
    }

    /// Accepts all of them; those that are new.
    async fn accept(&self, items: Vec<Stored>) -> Vec<Stored> {
        let batch = items.iter().map(|item| item.acceptance.clone()).collect();
        let answers = self.store.accept(batch).await.unwrap();
        assert_eq!(answers.len(), items.len());
        let mut new = Vec::new();
        for (item, answer) in items.into_iter().zip(answers) {
            let Acceptance { op_id, fingerprint, .. } = item.acceptance;
            let there = self.seen.lock().unwrap().identities.get(&item.identity).copied();
            match (answer, there) {
                (Admitted::Created { op_id: told }, None) => {
                    assert_eq!(told, op_id);
                    let known = (item.identity.clone(), (op_id, fingerprint));
                    self.seen.lock().unwrap().identities.extend([known]);
                    self.is_kept(&item).await;
                    new.push(item);
                }
                (Admitted::Replayed { op_id: told }, Some((first, same))) => {
                    assert_eq!((told, fingerprint), (first, same));
                }
                (Admitted::Conflict { op_id: told, payload }, Some((first, other))) => {
                    assert_eq!((told, Fingerprint::of(&payload)), (first, other));
                    assert_ne!(fingerprint, other);
                }
                (answer, there) => panic!("{answer:?} where {there:?} is: {:?}", item.case),
            }
        }
        new
    }

    async fn is_kept(&self, Stored { case, acceptance, identity }: &Stored) {
        let found = self.store.find(identity).await.unwrap().unwrap();
        let got = self.store.get(&identity.owner, acceptance.op_id).await.unwrap().unwrap();
        assert_eq!(found, got);
        assert_eq!((&got.identity, got.op_id), (identity, acceptance.op_id));
        assert_eq!(got.payload.as_bytes(), case.payload);
        let budget = got.deadline.since(got.accepted_at);
        assert!(is_about(budget, case.time_budget), "{budget:?}: {case:?}");
    }

    /// Claims what is new; nothing else of these kinds that is due may be mixed up with it.
    async fn claim(&self, new: &[Stored]) -> HashMap<OpId, (ClaimedOperation, KindPolicy)> {
        let mut policies: BTreeMap<Kind, KindPolicy> = BTreeMap::new();
        for item in new {
            let kind = item.identity.kind();
            let case = &item.case;
            policies.entry(kind.clone()).or_insert_with(|| KindPolicy {
                max_attempts: case.max_attempts,
                max_reconciles: case.max_reconciles,
                backoff: case.backoff(),
                in_doubt: case.in_doubt,
                hooked: case.hooked,
                ..KindPolicy::new(kind)
            });
        }
        let params = ClaimParams {
            kinds: policies.values().cloned().collect(),
            worker: WorkerId::generate("inputs").unwrap(),
            id: ClaimId::generate(),
            limit: 100_000,
            lease: LEASE,
        };
        let mut claimed = HashMap::new();
        for answer in self.store.claim(params).await.unwrap() {
            let Claimed::Operation(attempt) = answer else { panic!("{answer:?}") };
            let policy = policies[&attempt.envelope.command.kind()].clone();
            claimed.insert(attempt.envelope.op_id, (attempt, policy));
        }
        for Stored { acceptance, case, .. } in new {
            let Some((attempt, _)) = claimed.get(&acceptance.op_id) else {
                panic!("not claimed: {case:?}")
            };
            assert_eq!(attempt.envelope.command, acceptance.command);
            assert_eq!(attempt.envelope.owner, acceptance.owner);
            assert_eq!(attempt.envelope.attempt, 1);
        }
        claimed
    }

    async fn settle(
        &self,
        new: &[Stored],
        claimed: &HashMap<OpId, (ClaimedOperation, KindPolicy)>,
    ) {
        let ended = new.iter().map(|item| {
            let (attempt, _) = &claimed[&item.acceptance.op_id];
            ended(&item.case, attempt)
        });
        let answers = self.store.settle(ended.collect()).await.unwrap();
        let now = self.store.now().await.unwrap();
        for (item, answer) in new.iter().zip(answers) {
            let (attempt, policy) = &claimed[&item.acceptance.op_id];
            let (owner, op_id) = (&item.acceptance.owner, item.acceptance.op_id);
            let expected = expected(&item.case, attempt, policy, now);
            assert_eq!(answer, expected, "{:?}", item.case);
            let stored = self.store.get(owner, op_id).await.unwrap().unwrap();
            assert_eq!(standing(&stored), expected);
            if let Some(FinalOutcome::Failed(failure)) = &stored.outcome {
                let letter = self.store.dead_letter(owner, op_id).await.unwrap().unwrap();
                assert_eq!(&letter.failure, failure);
            }
            let history = self.store.history(owner, op_id).await.unwrap();
            assert_eq!(history.len(), 1);
            assert!(is_same(&history[0].end, &item.case.end), "{history:?}: {:?}", item.case);
        }
    }

    /// Every row that there is, page by page.
    async fn list_all(&self) -> usize {
        let mut ids = HashSet::new();
        let mut after = None;
        loop {
            let params = ListParams::default().after(after).limit(500);
            let page = self.store.list(params).await.unwrap();
            for item in page.items {
                let Listed::Operation(operation) = item else { panic!("{item:?}") };
                assert!(ids.insert(operation.op_id), "listed twice");
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(ids.len(), self.seen.lock().unwrap().identities.len());
        ids.len()
    }
}

fn field(invalid: &Invalid) -> &'static str {
    match invalid {
        Invalid::Blank { field }
        | Invalid::TooLong { field, .. }
        | Invalid::IllFormed { field, .. }
        | Invalid::DurationOutOfRange { field, .. } => field,
        Invalid::PayloadTooLarge { .. } => "payload",
        other => panic!("{other:?}"),
    }
}

fn ended(case: &Case, attempt: &ClaimedOperation) -> EndedAttempt {
    let reconcile = case.end == AttemptEnd::NotHappened;
    EndedAttempt {
        claim: attempt.claim(),
        source: if reconcile { Source::Reconcile } else { Source::Handler },
        end: case.end.clone(),
        delay: case.delay(),
    }
}

/// Where the machine moves an operation that is accepted, claimed and settled like this one.
fn expected(
    case: &Case,
    attempt: &ClaimedOperation,
    policy: &KindPolicy,
    now: Timestamp,
) -> Finalized {
    let ClaimedOperation { envelope, claimed_at, .. } = attempt;
    let accepted =
        Row::accepted(envelope.op_id, policy.kind.clone(), case.time_budget, envelope.accepted_at);
    // To the instant as the store keeps it.
    let accepted = Row { deadline: envelope.deadline, ..accepted };
    let worker = WorkerId::from_stored("inputs".to_owned());
    let id = ClaimId::of(envelope.fence.get().unsigned_abs());
    let fact = Fact::Claimed { policy, worker: &worker, id, lease: LEASE, whole_since: 1 };
    let claimed = step(&accepted, fact, *claimed_at).row;
    let ended = ended(case, attempt);
    step(&claimed, Fact::Settled(ended.under(None)), now).answer.finalized()
}

/// Exactly, or in whole milliseconds rounded up, as the databases keep it.
fn is_about(kept: Duration, given: Duration) -> bool {
    // An instant has whole microseconds.
    kept == millis(given) || kept.as_micros() == given.as_micros()
}

fn is_same(kept: &AttemptEnd, given: &AttemptEnd) -> bool {
    match (kept, given) {
        (
            AttemptEnd::Outcome(Outcome::Retry { reason, after: Some(after) }),
            AttemptEnd::Outcome(Outcome::Retry { reason: same, after: Some(reconcile) }),
        )
        | (
            AttemptEnd::StillRunning { reason, after: Some(after) },
            AttemptEnd::StillRunning { reason: same, after: Some(reconcile) },
        ) => {
            let saturated = *reconcile >= LONGEST && *after >= LONGEST;
            reason == same && (after == reconcile || *after == millis(*reconcile) || saturated)
        }
        _ => kept == given,
    }
}

/// Where a reader finds an operation, in the words of its finalization.
fn standing(operation: &Operation) -> Finalized {
    match (&operation.outcome, operation.phase, operation.due_at) {
        (Some(outcome), ..) => Finalized::Finished(outcome.clone()),
        (None, Some(Phase::Waiting), Some(due_at)) => Finalized::Waiting { due_at },
        (None, Some(Phase::InDoubt), Some(due_at)) => Finalized::InDoubt { due_at },
        (None, Some(Phase::Parked), _) => Finalized::Parked,
        other => panic!("{other:?}"),
    }
}
