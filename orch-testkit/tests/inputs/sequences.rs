//! Sequences of the store's verbs: memory, SQLite and Postgres give the same answers, and every
//! row stands where the model says that it stands. The model is the one whose every state
//! `tools/orch-model` checks, so what holds there is said of these stores.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use orch_core::policies::{Backoff, KindPolicy};
use orch_core::store::{
    Acceptance, Admitted, Claim, ClaimParams, Claimed, Clock, ConnectionType, EndedAttempt,
    Finalization, Finalized, HookFn, Logged, ManualClock, Purpose, Release, ReleaseReason,
    Released, RenewParams, Renewed, Resolution, ResolveParams, Resolved, Store, SweepParams,
};
use orch_core::words::{
    AttemptEnd, Command, Failure, Fingerprint, KeySeed, Kind, OpId, Operation, Outcome, Owner,
    Payload, Source, Timestamp, WorkerId,
};
use orch_model::{
    CLIENTS, DELAY, Decision, End, Ended, Final, LEASE, MAX_ATTEMPTS, MAX_RECONCILES, TIME_BUDGET,
    claim_id, fence, identity,
};
use proptest::test_runner::Config;
use proptest_state_machine::{StateMachineTest, prop_state_machine};

use crate::common::Backend;
use crate::model::{Model, START, Said, Shape, Verb, ended, shape};
use crate::setting;
use crate::stores::Opened;

prop_state_machine! {
    #![proptest_config(Config {
        cases: setting("ORCH_INPUT_SEQUENCES", 64),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    })]

    #[test]
    fn every_store_does_as_the_model(sequential 1..40 => Stores);
}

/// A finalize hook that has nothing to do.
const HOOK: HookFn =
    HookFn { connection: ConnectionType::of::<()>, run: |_, _, _| Box::pin(async { Ok(()) }) };

/// The three stores with the same operations in them.
pub struct Stores {
    shared: &'static Shared,
    start: Timestamp,
    /// What sets these operations apart from those of other sequences.
    name: String,
    ids: [OpId; CLIENTS],
}

/// What all sequences share, since a schema in Postgres takes a tenth of a second: the stores, on
/// one clock.
struct Shared {
    tokio: tokio::runtime::Runtime,
    stores: [Opened; 3],
    clock: Arc<ManualClock>,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let clock = Arc::new(ManualClock::default());
    let stores = [Backend::Memory, Backend::Sqlite, Backend::Postgres]
        .map(|backend| tokio.block_on(Opened::new(backend, Arc::clone(&clock))));
    Shared { tokio, stores, clock }
});

impl Shared {
    /// What each store answers.
    fn each<T>(&self, ask: impl AsyncFn(&dyn Store) -> T) -> [T; 3] {
        self.stores.each_ref().map(|opened| self.tokio.block_on(ask(&*opened.store)))
    }
}

impl StateMachineTest for Stores {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        let shared = &*SHARED;
        // Beyond all that earlier sequences have left behind.
        shared.clock.advance(Duration::from_secs(10_000));
        let name = format!("S{}", OpId::generate()).replace('-', "_").to_uppercase();
        let ids = std::array::from_fn(|_| OpId::generate());
        Self { shared, start: shared.clock.now(), name, ids }
    }

    fn apply(state: Self, model: &Model, verb: Verb) -> Self {
        let Shared { clock, .. } = state.shared;
        match verb {
            Verb::Forward(ticks) => clock.advance(seconds(ticks)),
            Verb::Back(ticks) => clock.turn_back(seconds(ticks)),
            verb => {
                let said = state.shared.each(async |store| state.ask(store, model, &verb).await);
                assert!(said.iter().all(|(_, all)| *all == said[0].1), "{verb:?}: {said:#?}");
                assert_eq!(said[0].0, model.answer, "{verb:?}");
            }
        }
        state
    }

    fn check_invariants(state: &Self, model: &Model) {
        let owner = Owner::default();
        for (op, op_id) in state.ids.into_iter().enumerate() {
            let rows = state.shared.each(async |store| store.get(&owner, op_id).await.unwrap());
            assert!(rows.iter().all(|row| *row == rows[0]), "{rows:#?}");
            let logs = state.shared.each(async |store| store.history(&owner, op_id).await.unwrap());
            assert!(logs.iter().all(|log| *log == logs[0]), "{logs:#?}");
            let modelled = model.world.rows[op].as_ref();
            assert_eq!(rows[0].as_ref().map(|row| state.shape(row)), modelled.map(shape));
        }
    }
}

impl Stores {
    fn shape(&self, row: &Operation) -> Shape {
        let tick = |at: Timestamp| START + u8::try_from(at.since(self.start).as_secs()).unwrap();
        let earlier = |at: Timestamp| START - u8::try_from(self.start.since(at).as_secs()).unwrap();
        let tick = |at: Timestamp| if at < self.start { earlier(at) } else { tick(at) };
        (
            (row.status, row.phase),
            (row.attempt, row.fence, row.retries, row.lost_attempts),
            (tick(row.deadline), row.due_at.map(tick), row.lease_expires_at.map(tick)),
            row.outcome.as_ref().map(Final::from),
        )
    }

    fn kind(&self, op: usize) -> Kind {
        Kind::new(&self.name, ["PLAIN", "HOOKED"][identity(op)]).unwrap()
    }

    fn policy(&self, model: &Model, op: usize) -> KindPolicy {
        let declared = model.rules.declared(op);
        let delay = seconds(DELAY);
        KindPolicy {
            max_attempts: MAX_ATTEMPTS,
            max_reconciles: MAX_RECONCILES,
            // No room for jitter.
            backoff: Backoff::new(delay, delay).unwrap(),
            in_doubt: declared.in_doubt,
            hooked: declared.hooked,
            ..KindPolicy::new(self.kind(op))
        }
    }

    fn sweep(&self, model: &Model) -> SweepParams {
        let kinds = vec![self.policy(model, 0), self.policy(model, CLIENTS - 1)];
        SweepParams { kinds, held_kinds: Vec::new(), limit: 100_000 }
    }

    fn op(&self, op_id: OpId) -> Option<usize> {
        self.ids.iter().position(|id| *id == op_id)
    }

    fn claim(&self, model: &Model, claim: usize) -> Claim {
        let claim = model.claims[claim].0;
        Claim { op_id: self.ids[claim.op], fence: fence(claim.fence) }
    }

    fn ended(&self, model: &Model, claim: usize, end: End) -> EndedAttempt {
        let Ended { reconcile, end, .. } = ended(model.claims[claim], end);
        EndedAttempt {
            claim: self.claim(model, claim),
            source: if reconcile { Source::Reconcile } else { Source::Handler },
            end: attempt_end(end),
            delay: seconds(DELAY),
        }
    }

    /// Asks one store; its answer as the model would put it, and in full.
    async fn ask(&self, store: &dyn Store, model: &Model, verb: &Verb) -> (Said, String) {
        let stale = |stale| Said::Stale(stale);
        match *verb {
            Verb::Accept(client) => {
                let answer = store.accept(vec![self.acceptance(client)]).await.unwrap();
                let op = match &answer[0] {
                    Admitted::Created { op_id } | Admitted::Replayed { op_id } => self.op(*op_id),
                    Admitted::Conflict { .. }
                    | Admitted::Taken { .. }
                    | Admitted::OtherForm { .. } => None,
                };
                (Said::Op(op.unwrap()), format!("{answer:?}"))
            }
            Verb::Claim(op) => {
                // By its kind: a claim does not name an operation. The second client's has the
                // kind of the first one's.
                if model.world.rows[op].is_none() {
                    return (Said::Claimed(None), String::new());
                }
                let params = ClaimParams {
                    kinds: vec![self.policy(model, op)],
                    worker: worker(),
                    id: claim_id(model.world.histories),
                    limit: 10,
                    lease: seconds(LEASE),
                };
                let answer = store.claim(params).await.unwrap();
                assert!(answer.len() <= 1, "{answer:?}");
                let claimed = answer.first().map(|claimed| {
                    let Claimed::Operation(attempt) = claimed else { panic!("{claimed:?}") };
                    let reconcile = attempt.purpose == Purpose::Reconcile;
                    (attempt.envelope.fence, reconcile)
                });
                (Said::Claimed(claimed), format!("{answer:?}"))
            }
            Verb::Renew(claim) => {
                let claims = vec![self.claim(model, claim)];
                let params = RenewParams { claims, lease: seconds(LEASE) };
                let answer = store.renew(params).await.unwrap();
                (stale(answer[0] == Renewed::Stale), format!("{answer:?}"))
            }
            Verb::Log(claim, end) => {
                let answer = store.log(vec![self.ended(model, claim, end)]).await.unwrap();
                (stale(answer[0] == Logged::Stale), format!("{answer:?}"))
            }
            Verb::Finalize(claim) => {
                let hook = Some(HOOK.into());
                let item = Finalization { claim: self.claim(model, claim), hook };
                let answer: Vec<Finalized> = store.finalize(vec![item]).await.unwrap();
                (Said::Nothing, format!("{answer:?}"))
            }
            Verb::Settle(claim, end) => {
                let answer = store.settle(vec![self.ended(model, claim, end)]).await.unwrap();
                (Said::Nothing, format!("{answer:?}"))
            }
            Verb::Release(claim) | Verb::Refuse(claim) => {
                let reason = match verb {
                    Verb::Release(_) => ReleaseReason::Unstarted,
                    _ => ReleaseReason::Unrunnable { reason: "refused".to_owned() },
                };
                let release = Release { claim: self.claim(model, claim), reason };
                let answer = store.release(vec![release]).await.unwrap();
                (stale(answer[0] == Released::Stale), format!("{answer:?}"))
            }
            Verb::Reap | Verb::Spend => {
                let swept = match verb {
                    Verb::Reap => store.sweep_expired(100_000).await.unwrap(),
                    _ => store.sweep_over_budget(self.sweep(model)).await.unwrap(),
                };
                let mut ours: Vec<_> =
                    swept.iter().filter_map(|swept| Some((self.op(swept.op_id)?, swept))).collect();
                ours.sort_by_key(|(op, _)| *op);
                let ops = ours.iter().map(|(op, _)| *op).collect();
                (Said::Swept(ops), format!("{ours:?}"))
            }
            Verb::Unfinalized => {
                let kinds = [self.kind(0), self.kind(CLIENTS - 1)];
                let found = store.unfinalized(&kinds, 100_000).await.unwrap();
                let mut ours: Vec<_> = found
                    .iter()
                    .filter_map(|found| Some((self.op(found.claim.op_id)?, found.claim.fence)))
                    .collect();
                ours.sort_unstable();
                (Said::Claims(ours.clone()), format!("{ours:?}"))
            }
            Verb::Decide(op, decision) => {
                let params = ResolveParams {
                    op_id: self.ids[op],
                    owner: Owner::default(),
                    resolution: match decision {
                        Decision::Ok => Resolution::Ok(Payload::from("1")),
                        Decision::Fail => Resolution::Fail(Failure::new("NO", "no")),
                        Decision::RunAgain => Resolution::RunAgain,
                        Decision::RunHook => Resolution::RunHook,
                        Decision::SkipHook => Resolution::SkipHook,
                    },
                    who: "ann".to_owned(),
                    why: "reconcile there".to_owned(),
                    hooked_kinds: Vec::new(),
                };
                let answer = store.resolve(params).await.unwrap();
                (Said::Resolved(matches!(answer, Resolved::Resolved(_))), format!("{answer:?}"))
            }
            Verb::Forward(_) | Verb::Back(_) => unreachable!("the clock is no verb"),
        }
    }

    fn acceptance(&self, client: usize) -> Acceptance {
        let kind = self.kind(client);
        let (domain, event) = (kind.domain.as_str(), kind.event_type.as_str());
        let command = Command::new(domain, event, "ORDER-1", "key", "{}").unwrap();
        Acceptance {
            op_id: self.ids[client],
            owner: Owner::default(),
            fingerprint: Fingerprint::of(command.payload()),
            command,
            time_budget: seconds(TIME_BUDGET),
            key_seed: KeySeed::from_bytes([9; 16]),
            form: None,
            earlier: Vec::new(),
            unique: false,
        }
    }
}

/// The same worker for every store: its name is in the log.
fn worker() -> WorkerId {
    WorkerId::from_stored("worker-1".to_owned())
}

fn seconds(ticks: u8) -> Duration {
    Duration::from_secs(ticks.into())
}

fn attempt_end(end: End) -> AttemptEnd {
    match end {
        End::Ok => AttemptEnd::Outcome(Outcome::Ok { output: Payload::from("1") }),
        End::Failed(_) => AttemptEnd::Outcome(Outcome::Fail(Failure::new("NO", "no"))),
        End::Retry => {
            AttemptEnd::Outcome(Outcome::Retry { reason: "busy".to_owned(), after: None })
        }
        End::InDoubt => AttemptEnd::InDoubt { reason: "no answer".to_owned() },
        End::NotHappened => AttemptEnd::NotHappened,
    }
}
