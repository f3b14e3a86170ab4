use orch_core::words::Phase;
use stateright::Property;

use super::provider::{Answer, Reply};
use super::row::Final;
use super::steps::Step;
use super::world::{Key, World};
use super::{MAX_ATTEMPTS, MAX_RECONCILES, MAX_UNCOUNTED, Rules};

/// Whatever is answered and lost: the operation acts once at most, under all of its keys together, as long
/// as the provider keeps what it has done under each.
pub const A1: &str = "A1 at most one effect";
/// The handler runs once, and once more for each retry and each lost attempt.
pub const A2: &str = "A2 calls <= 1 + retries + lost";
/// FAILED for certain means that no call of the operation has acted, or will.
pub const A3: &str = "A3 never plainly FAILED over an act";
/// COMPLETED means that a call of the operation has acted.
pub const A4: &str = "A4 never COMPLETED without an act";
/// Whatever the provider says, and for however long: the handler runs a limited number of times, the
/// provider is asked a limited number of times, and then the operation has ended or is parked.
pub const A5: &str = "A5 it ends or is parked";
/// After a lost attempt, and after an answer that tells of a call, the key stays as it is.
pub const A6: &str = "A6 the key stays once there may be a call";
/// What was done already, was accepted by the provider, or is refused by a reconcile, does not run again.
pub const A7: &str = "A7 what is over does not run again";

/// All that must hold in every state.
pub const INVARIANTS: [&str; 7] = [A1, A2, A3, A4, A5, A6, A7];

/// What must be possible, or the model would hold because nothing happens in it.
pub const WITNESSES: [&str; 16] = [
    "it completes after still running",
    "still running is an attempt past its limit",
    "it completes after already done",
    "it fails for certain after already done",
    "it fails as uncertain after already done",
    "it is parked after already done",
    "a reconcile refuses",
    "the key changes",
    "a call acts after its lease was lost",
    "a message ends it",
    "a message that it has not happened comes when it has",
    "it completes after submitted",
    "it fails for certain after submitted",
    "it fails as uncertain after submitted",
    "it is parked after submitted",
    "a reconcile asks about what is submitted",
];

/// More steps than there are to the end of an operation that nobody disturbs.
const STEPS: usize = 64;

/// The invariants and the witnesses.
pub(super) fn properties() -> Vec<Property<Rules>> {
    let always = |name, holds| Property::<Rules>::always(name, holds);
    let sometimes = |name, holds| Property::<Rules>::sometimes(name, holds);
    vec![
        always(A1, |_, world: &World| world.audit.acts <= 1),
        always(A2, |_, world| world.audit.runs <= 1 + world.row.retries + world.row.lost_attempts),
        always(A3, |_, world| {
            world.row.outcome != Some(Final::Failed { uncertain: false }) || world.audit.acts == 0
        }),
        always(A4, |_, world| world.row.outcome != Some(Final::Ok) || world.audit.acts > 0),
        always(A5, |rules, world| world.is_within_limits() && world.comes_to_rest(rules)),
        always(A6, |_, world| !world.audit.key_changed),
        always(A7, |_, world| !world.audit.run_after_over),
        sometimes(WITNESSES[0], |_, world| {
            world.row.outcome == Some(Final::Ok) && world.row.uncounted > 0
        }),
        sometimes(WITNESSES[1], |_, world| {
            world.row.uncounted == MAX_UNCOUNTED && world.row.retries > MAX_UNCOUNTED
        }),
        sometimes(WITNESSES[2], |_, world| {
            world.row.already_done && world.row.outcome == Some(Final::Ok)
        }),
        sometimes(WITNESSES[3], |_, world| {
            world.row.already_done && world.row.outcome == Some(Final::Failed { uncertain: false })
        }),
        sometimes(WITNESSES[4], |_, world| {
            world.row.already_done && world.row.outcome == Some(Final::Failed { uncertain: true })
        }),
        sometimes(WITNESSES[5], |_, world| world.row.already_done && world.row.is_parked()),
        sometimes(WITNESSES[6], |_, world| {
            world.audit.over && !world.row.already_done && !world.audit.submitted
        }),
        sometimes(WITNESSES[7], |_, world| world.row.key_generation > 0),
        sometimes(WITNESSES[8], |_, world| {
            world.row.lost_attempts > 0 && world.row.outcome.is_some() && world.audit.acts > 0
        }),
        sometimes(WITNESSES[9], |_, world| world.audit.ended_by_message),
        sometimes(WITNESSES[10], |_, world| world.audit.stale_message),
        sometimes(WITNESSES[11], |_, world| {
            world.audit.submitted && world.row.outcome == Some(Final::Ok)
        }),
        sometimes(WITNESSES[12], |_, world| {
            world.audit.submitted && world.row.outcome == Some(Final::Failed { uncertain: false })
        }),
        sometimes(WITNESSES[13], |_, world| {
            world.audit.submitted && world.row.outcome == Some(Final::Failed { uncertain: true })
        }),
        sometimes(WITNESSES[14], |_, world| world.audit.submitted && world.row.is_parked()),
        sometimes(WITNESSES[15], |_, world| {
            world.row.phase == Some(Phase::Submitted) && world.row.leased && !world.late
        }),
    ]
}

impl World {
    fn is_within_limits(&self) -> bool {
        self.audit.runs <= MAX_ATTEMPTS + MAX_UNCOUNTED
            && self.row.attempt <= MAX_ATTEMPTS
            && self.row.uncounted <= MAX_UNCOUNTED
            && self.row.reconciles <= MAX_RECONCILES
    }

    /// True if the operation ends or is parked once every worker is gone that has lost it, while the
    /// provider never finishes what it is at work on and never answers a reconcile.
    fn comes_to_rest(&self, rules: &Rules) -> bool {
        let mut world = self.clone();
        for _ in 0..STEPS {
            if world.rests() {
                return true;
            }
            if !world.goes_on(rules) {
                return false;
            }
        }
        false
    }

    /// The next step of what nobody disturbs; false if there is none.
    fn goes_on(&mut self, rules: &Rules) -> bool {
        let Some(run) = (0..self.runs.len()).find(|run| self.holds(*run)) else {
            // Its worker is dead, or it is due, or only the deadline is left.
            let steps = [Step::LeaseExpires, Step::Claim, Step::Sweep];
            return steps.into_iter().any(|step| self.take_step(rules, step).is_some()) || {
                let late = self.late;
                self.late = true;
                !late
            };
        };
        let it = self.runs[run];
        let step = match (it.end, it.reconciles) {
            (Some(_), _) => Step::Settle { run },
            (None, true) => Step::Ask { run, answer: Answer::Unanswered },
            (None, false) => {
                let key = self.keys.get(usize::from(it.generation));
                let at_work = key == Some(&Key::AtWork);
                let reply = if at_work { Reply::StillRunning } else { Reply::Nothing };
                Step::Call { run, reply }
            }
        };
        self.take_step(rules, step).is_some()
    }
}
