//! Sequences of the store's verbs: memory, SQLite and Postgres give the same answers, and every
//! row stands where the model says that it stands. The model is the one whose every state
//! `tools/orch-model` checks, so what holds there is said of these stores.

use std::sync::Arc;
use std::time::Duration;

use orch_core::policies::{Backoff, InDoubt, KindPolicy};
use orch_core::seams::{
    Acceptance, Admitted, ClaimParams, Claimed, Clock, EndedAttempt, Finalization, Finalized,
    Lease, Logged, ManualClock, Release, ReleaseReason, RenewParams, Renewed, Settle, SettleParams,
    SettledParked, Store, SweepParams,
};
use orch_core::words::{
    AttemptEnd, Command, Failure, Fence, Fingerprint, Kind as OperationKind, OpId, Operation,
    Outcome, Owner, Payload, Source, Timestamp, WorkerId,
};
use orch_model::{
    Answer, CLIENTS, Claim, DELAY, Decision, Declared, End, Ended, Faults, Final, LEASE,
    MAX_ATTEMPTS, MAX_RECONCILES, Row, Rules, TIME_BUDGET, Verdict, Work, Write, identity,
};
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use crate::setting;
use crate::stores::{Kind, Opened};

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

/// The model: one operation without a hook and one with a hook, and every claim that was made.
#[derive(Debug, Clone)]
pub struct Model {
    rules: Rules,
    world: orch_model::World,
    claims: Vec<(Claim, bool)>,
    /// What the model answered to the latest verb.
    answer: Said,
}

/// A verb, on an operation or on one of the claims made so far, stale ones among them.
#[derive(Debug, Clone)]
pub enum Verb {
    Accept(usize),
    Claim(usize),
    Renew(usize),
    Log(usize, End),
    Finalize(usize),
    Settle(usize, End),
    Release(usize),
    Refuse(usize),
    Reap,
    Spend,
    Unfinalized,
    Decide(usize, Decision),
    Forward(u8),
    Back(u8),
}

/// What a verb answers, as far as the model knows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Nothing,
    Op(usize),
    Claimed(Option<(Fence, bool)>),
    Stale(bool),
    Swept(Vec<usize>),
    Claims(Vec<(usize, Fence)>),
    Settled(bool),
}

/// So far the clock may be turned back.
const START: u8 = 20;
/// Later than that nothing is asked.
const END: u8 = 200;

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Verb;

    fn init_state() -> BoxedStrategy<Self> {
        let declared = || prop::sample::select(InDoubt::ALL.to_vec());
        (declared(), declared())
            .prop_map(|(plain, hooked)| {
                let operations = [Declared::plain(plain), Declared::hooked(hooked)];
                let mut world = orch_model::World::new(Faults::any(0));
                world.now = START;
                let rules = Rules::new(&operations, Faults::any(0));
                Self { rules, world, claims: Vec::new(), answer: Said::Nothing }
            })
            .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Verb> {
        let op = || 0..CLIENTS;
        let claim = 0..state.claims.len().max(1);
        let end = prop::sample::select(vec![
            End::Ok,
            End::Failed(Verdict { uncertain: false, called: true }),
            End::Retry,
            End::InDoubt,
            End::InDoubt,
        ]);
        let decision = prop::sample::select(vec![Decision::Ok, Decision::Fail, Decision::RunAgain]);
        prop_oneof![
            3 => op().prop_map(Verb::Accept),
            6 => op().prop_map(Verb::Claim),
            2 => claim.clone().prop_map(Verb::Renew),
            3 => (claim.clone(), end.clone()).prop_map(|(claim, end)| Verb::Log(claim, end)),
            4 => claim.clone().prop_map(Verb::Finalize),
            5 => (claim.clone(), end).prop_map(|(claim, end)| Verb::Settle(claim, end)),
            1 => claim.clone().prop_map(Verb::Release),
            1 => claim.prop_map(Verb::Refuse),
            3 => Just(Verb::Reap),
            2 => Just(Verb::Spend),
            2 => Just(Verb::Unfinalized),
            2 => (op(), decision).prop_map(|(op, decision)| Verb::Decide(op, decision)),
            5 => (1u8..4).prop_map(Verb::Forward),
            1 => (1u8..3).prop_map(Verb::Back),
        ]
        .boxed()
    }

    fn preconditions(state: &Self, verb: &Verb) -> bool {
        let there = |claim: &usize| *claim < state.claims.len();
        match verb {
            Verb::Renew(claim)
            | Verb::Log(claim, _)
            | Verb::Finalize(claim)
            | Verb::Release(claim)
            | Verb::Refuse(claim) => there(claim),
            // Settle is for operations without a hook.
            Verb::Settle(claim, _) => {
                there(claim) && !state.rules.declared(state.claims[*claim].0.op).hooked
            }
            Verb::Forward(_) => state.world.now < END,
            Verb::Back(ticks) => state.world.now > *ticks,
            _ => true,
        }
    }

    fn apply(mut state: Self, verb: &Verb) -> Self {
        state.answer = state.take(verb);
        state
    }
}

impl Model {
    fn take(&mut self, verb: &Verb) -> Said {
        let Self { rules, world, claims, .. } = self;
        let stale = |answer| Said::Stale(answer == Answer::Stale);
        let all = 0..CLIENTS;
        match *verb {
            Verb::Accept(client) => Said::Op(world.accept(rules, client)),
            Verb::Claim(op) => {
                let work = world.claim(rules, op);
                let claimed = match work {
                    Some(Work::Run(claim)) => Some((claim, false)),
                    Some(Work::Ask(claim)) => Some((claim, true)),
                    _ => None,
                };
                claims.extend(claimed);
                Said::Claimed(claimed.map(|(claim, asked)| (claim.fence, asked)))
            }
            Verb::Renew(claim) => stale(world.renew(rules, claims[claim].0)),
            Verb::Log(claim, end) => {
                let answer = world.write(rules, Write::Log(ended(claims[claim], end)), false);
                if world.is_superseded(claims[claim].0) { Said::Nothing } else { stale(answer) }
            }
            Verb::Finalize(claim) => {
                world.write(rules, Write::Finalize(claims[claim].0), false);
                Said::Nothing
            }
            Verb::Settle(claim, end) => {
                world.write(rules, Write::Settle(ended(claims[claim], end)), false);
                Said::Nothing
            }
            Verb::Release(claim) => {
                world.write(rules, Write::Release(claims[claim].0), false);
                Said::Nothing
            }
            Verb::Refuse(claim) => {
                world.write(rules, Write::Park(claims[claim].0), false);
                Said::Nothing
            }
            Verb::Reap => Said::Swept(all.filter(|op| world.reap(rules, *op)).collect()),
            Verb::Spend => Said::Swept(all.filter(|op| world.spend(rules, *op)).collect()),
            Verb::Unfinalized => {
                let found = all.filter_map(|op| world.unfinalized(rules, op));
                Said::Claims(found.map(|claim| (claim.op, claim.fence)).collect())
            }
            Verb::Decide(op, decision) => Said::Settled(world.decide(rules, op, decision)),
            Verb::Forward(ticks) => {
                world.now += ticks;
                Said::Nothing
            }
            Verb::Back(ticks) => {
                world.now -= ticks;
                Said::Nothing
            }
        }
    }
}

fn ended((claim, asked): (Claim, bool), end: End) -> Ended {
    let end =
        if asked && matches!(end, End::Failed(_) | End::Retry) { End::NotHappened } else { end };
    Ended { claim, asked, end }
}

/// The three stores with the same operations in them, and clocks that show the same.
pub struct Stores {
    tokio: &'static tokio::runtime::Runtime,
    all: &'static [Opened],
    clock: Arc<ManualClock>,
    start: Timestamp,
    /// What sets these operations apart from those of other sequences.
    name: String,
    ids: [OpId; CLIENTS],
}

/// The stores of all sequences: a schema in Postgres takes a tenth of a second.
fn shared() -> &'static (tokio::runtime::Runtime, Vec<Opened>, Arc<ManualClock>) {
    static SHARED: std::sync::OnceLock<(tokio::runtime::Runtime, Vec<Opened>, Arc<ManualClock>)> =
        std::sync::OnceLock::new();
    SHARED.get_or_init(|| {
        let tokio = tokio::runtime::Runtime::new().unwrap();
        let clock = Arc::new(ManualClock::default());
        let kinds = [Kind::Memory, Kind::Sqlite, Kind::Postgres];
        let opened = kinds.map(|kind| tokio.block_on(kind.open(Arc::clone(&clock))));
        (tokio, opened.into(), clock)
    })
}

impl StateMachineTest for Stores {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        let (tokio, all, clock) = shared();
        // Beyond all that earlier sequences have left behind.
        clock.advance(Duration::from_secs(10_000));
        let name = format!("S{}", OpId::generate()).replace('-', "_").to_uppercase();
        Self {
            tokio,
            all,
            clock: Arc::clone(clock),
            start: clock.now(),
            name,
            ids: std::array::from_fn(|_| OpId::generate()),
        }
    }

    fn apply(state: Self, model: &Model, verb: Verb) -> Self {
        match verb {
            Verb::Forward(ticks) => state.clock.advance(seconds(ticks)),
            Verb::Back(ticks) => state.clock.turn_back(seconds(ticks)),
            verb => {
                let said: Vec<(Said, String)> = state
                    .all
                    .iter()
                    .map(|opened| state.tokio.block_on(state.ask(&*opened.store, model, &verb)))
                    .collect();
                assert!(said.iter().all(|(_, all)| *all == said[0].1), "{verb:?}: {said:#?}");
                assert_eq!(said[0].0, model.answer, "{verb:?}");
            }
        }
        state
    }

    fn check_invariants(state: &Self, model: &Model) {
        for (op, op_id) in state.ids.into_iter().enumerate() {
            let get = |opened: &Opened| {
                state.tokio.block_on(opened.store.get(&Owner::default(), op_id)).unwrap()
            };
            let rows: Vec<Option<Operation>> = state.all.iter().map(get).collect();
            assert!(rows.iter().all(|row| *row == rows[0]), "{rows:#?}");
            let log = |opened: &Opened| {
                let owner = Owner::default();
                let log = state.tokio.block_on(opened.store.history(&owner, op_id)).unwrap();
                format!("{log:#?}")
            };
            let logs: Vec<String> = state.all.iter().map(log).collect();
            assert!(logs.iter().all(|log| *log == logs[0]), "{}", logs.join("\n"));
            let modelled = model.world.rows[op].as_ref();
            assert_eq!(rows[0].as_ref().map(|row| state.shape(row)), modelled.map(shape));
        }
    }
}

/// What the model knows of a row.
type Shape = (
    (orch_core::words::State, Option<orch_core::words::Phase>),
    (u32, Fence, u32, u32),
    (u8, Option<u8>, Option<u8>),
    Option<Final>,
);

fn shape(row: &Row) -> Shape {
    (
        (row.state, row.phase),
        (row.attempt, row.fence, row.retries, row.lost_attempts),
        (row.deadline, row.due_at, row.lease_expires_at),
        row.settlement,
    )
}

impl Stores {
    fn shape(&self, row: &Operation) -> Shape {
        let tick = |at: Timestamp| START + u8::try_from(at.since(self.start).as_secs()).unwrap();
        let earlier = |at: Timestamp| START - u8::try_from(self.start.since(at).as_secs()).unwrap();
        let tick = |at: Timestamp| if at < self.start { earlier(at) } else { tick(at) };
        (
            (row.state, row.phase),
            (row.attempt, row.fence, row.retries, row.lost_attempts),
            (tick(row.deadline), row.due_at.map(tick), row.lease_expires_at.map(tick)),
            row.settlement.as_ref().map(Final::from),
        )
    }

    fn kind(&self, op: usize) -> OperationKind {
        OperationKind::new(&self.name, ["PLAIN", "HOOKED"][identity(op)]).unwrap()
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
        SweepParams { kinds, limit: 100_000 }
    }

    fn op(&self, op_id: OpId) -> Option<usize> {
        self.ids.iter().position(|id| *id == op_id)
    }

    fn lease(&self, model: &Model, claim: usize) -> Lease {
        let claim = model.claims[claim].0;
        Lease { op_id: self.ids[claim.op], fence: claim.fence }
    }

    fn ended(&self, model: &Model, claim: usize, end: End) -> EndedAttempt {
        let Ended { asked, end, .. } = ended(model.claims[claim], end);
        EndedAttempt {
            claim: self.lease(model, claim),
            source: if asked { Source::Reconcile } else { Source::Handler },
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
                    Admitted::Conflict { .. } => None,
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
                    limit: 10,
                    lease: seconds(LEASE),
                };
                let answer = store.claim(params).await.unwrap();
                assert!(answer.len() <= 1, "{answer:?}");
                let claimed = answer.first().map(|claimed| {
                    let Claimed::Attempt(attempt) = claimed else { panic!("{claimed:?}") };
                    let asked = attempt.purpose == orch_core::seams::Purpose::Reconcile;
                    (attempt.envelope.fence, asked)
                });
                (Said::Claimed(claimed), format!("{answer:?}"))
            }
            Verb::Renew(claim) => {
                let leases = vec![self.lease(model, claim)];
                let params = RenewParams { leases, lease: seconds(LEASE) };
                let answer = store.renew(params).await.unwrap();
                (stale(answer[0] == Renewed::Stale), format!("{answer:?}"))
            }
            Verb::Log(claim, end) => {
                let answer = store.log(vec![self.ended(model, claim, end)]).await.unwrap();
                // A superseded claim that has logged before is told so, or that it is Stale:
                // nothing changes, and its finalize is Stale either way.
                if model.world.is_superseded(model.claims[claim].0) {
                    return (Said::Nothing, String::new());
                }
                (stale(answer[0] == Logged::Stale), format!("{answer:?}"))
            }
            Verb::Finalize(claim) => {
                let item = Finalization { claim: self.lease(model, claim), hook: None };
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
                let release = Release { claim: self.lease(model, claim), reason };
                // A claim that is given back twice is Released again, or Stale: nothing changes,
                // and nobody asks.
                store.release(vec![release]).await.unwrap();
                (Said::Nothing, String::new())
            }
            Verb::Reap | Verb::Spend => {
                let params = self.sweep(model);
                let swept = match verb {
                    Verb::Reap => store.sweep_expired(params).await.unwrap(),
                    _ => store.sweep_over_budget(params).await.unwrap(),
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
                let params = SettleParams {
                    op_id: self.ids[op],
                    owner: Owner::default(),
                    settle: match decision {
                        Decision::Ok => Settle::Ok(Payload::from("1")),
                        Decision::Fail => Settle::Fail(Failure::new("NO", "no")),
                        Decision::RunAgain => Settle::RunAgain,
                    },
                    who: "ann".to_owned(),
                    why: "asked there".to_owned(),
                };
                let answer = store.settle_parked(params).await.unwrap();
                (Said::Settled(matches!(answer, SettledParked::Settled(_))), format!("{answer:?}"))
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
