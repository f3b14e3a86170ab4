//! The model that the stores are compared with, and the verbs that both are asked.

use orch_core::machine::Answer;
use orch_core::policies::InDoubt;
use orch_core::words::{Fence, Phase, Status};
use orch_model::{
    CLIENTS, Claim, Decision, Declared, End, Ended, Faults, Final, Row, Rules, Verdict, Work,
    World, Write, fence,
};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

/// The model: one operation without a hook and one with a hook, and every claim that was made.
#[derive(Debug, Clone)]
pub struct Model {
    pub rules: Rules,
    pub world: World,
    /// Each with whether it is for a question to the provider.
    pub claims: Vec<(Claim, bool)>,
    /// What the model answered to the latest verb.
    pub answer: Said,
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
pub enum Said {
    Nothing,
    Op(usize),
    Claimed(Option<(Fence, bool)>),
    Stale(bool),
    Swept(Vec<usize>),
    Claims(Vec<(usize, Fence)>),
    Resolved(bool),
}

/// So far the clock may be turned back.
pub const START: u8 = 20;
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
                let mut world = World::new(Faults::any(0));
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
                    Some(Work::Attempt(claim)) => Some((claim, false)),
                    Some(Work::Reconcile(claim)) => Some((claim, true)),
                    _ => None,
                };
                claims.extend(claimed);
                Said::Claimed(claimed.map(|(claim, reconcile)| (fence(claim.fence), reconcile)))
            }
            Verb::Renew(claim) => stale(world.renew(rules, claims[claim].0)),
            Verb::Log(claim, end) => {
                stale(world.write(rules, Write::Log(ended(claims[claim], end)), false))
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
                stale(world.write(rules, Write::Release(claims[claim].0), false))
            }
            Verb::Refuse(claim) => stale(world.write(rules, Write::Park(claims[claim].0), false)),
            Verb::Reap => Said::Swept(all.filter(|op| world.reap(rules, *op)).collect()),
            Verb::Spend => Said::Swept(all.filter(|op| world.spend(rules, *op)).collect()),
            Verb::Unfinalized => {
                let found = all.filter_map(|op| world.unfinalized(rules, op));
                Said::Claims(found.map(|claim| (claim.op, fence(claim.fence))).collect())
            }
            Verb::Decide(op, decision) => Said::Resolved(world.decide(rules, op, decision)),
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

/// The end of a claim; of a question only what a question can say.
pub fn ended((claim, reconcile): (Claim, bool), end: End) -> Ended {
    let end = if reconcile && matches!(end, End::Failed(_) | End::Retry) {
        End::NotHappened
    } else {
        end
    };
    Ended { claim, reconcile, end }
}

/// What the model knows of a row.
pub type Shape =
    ((Status, Option<Phase>), (u32, Fence, u32, u32), (u8, Option<u8>, Option<u8>), Option<Final>);

/// The part of a row that is compared.
pub fn shape(row: &Row) -> Shape {
    (
        (row.status, row.phase),
        (row.attempt.into(), fence(row.fence), row.retries.into(), row.lost_attempts.into()),
        (row.deadline, row.due_at, row.lease_expires_at),
        row.outcome,
    )
}
