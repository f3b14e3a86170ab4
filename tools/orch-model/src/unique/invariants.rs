use stateright::Property;

use super::Rules;
use super::world::{AcceptAt, Caller, RedriveAt, State, Work, World};

/// At most one operation for the biz key has not failed.
pub const U1: &str = "U1 at most one has not failed";
/// A request is answered with its own operation, whatever became of it, and is not refused once that is
/// there.
pub const U2: &str = "U2 a repeated request is answered with its own operation";
/// A refusal names an operation that is there and has not failed.
pub const U3: &str = "U3 a refusal names one that has not failed";
/// A failed operation is redriven once.
pub const U4: &str = "U4 a failed operation is redriven once";
/// Whatever has happened: once all calls are over and all operations have ended, a request with a new key
/// is answered at once, and stored unless one has COMPLETED; so is a redrive; and each request that was
/// stored is answered with its own.
pub const U5: &str = "U5 none is refused for ever";

/// All that must hold in every state.
pub const INVARIANTS: [&str; 5] = [U1, U2, U3, U4, U5];

/// What must be possible, or the model would hold because nothing happens in it.
pub const WITNESSES: [&str; 6] = [
    "a second key is refused",
    "a redrive is refused",
    "a biz key is taken over",
    "a redrive is made",
    "a request is answered with its operation that has failed",
    "a statement is undone since its operation came meanwhile",
];

/// A key that no caller has.
const NEW_KEY: u8 = u8::MAX;
/// More parts than a call has that nobody disturbs.
const PARTS: usize = 16;

/// The invariants and the witnesses.
pub(crate) fn properties() -> Vec<Property<Rules>> {
    let always = |name, holds| Property::<Rules>::always(name, holds);
    let sometimes = |name, holds| Property::<Rules>::sometimes(name, holds);
    vec![
        always(U1, |_, world: &World| world.not_failed().count() <= 1),
        always(U2, |_, world| !world.audit.told_wrong),
        always(U3, |_, world| !world.audit.refused_wrong),
        always(U4, |_, world| !world.audit.redriven_twice),
        always(U5, |rules, world| world.heals(rules)),
        sometimes(WITNESSES[0], |_, world| world.audit.refused),
        sometimes(WITNESSES[1], |_, world| world.audit.redrive_refused),
        sometimes(WITNESSES[2], |_, world| world.audit.taken_over),
        sometimes(WITNESSES[3], |_, world| world.there().any(|(_, it)| it.redrive > 0)),
        sometimes(WITNESSES[4], |_, world| world.audit.replayed_failed),
        sometimes(WITNESSES[5], |_, world| world.audit.undone),
    ]
}

impl World {
    /// True if all are answered as they have to be once every caller is gone with what it had not
    /// committed and what still ran has failed.
    fn heals(&self, rules: &Rules) -> bool {
        let mut world = self.clone();
        let running = world.there().filter(|(_, it)| it.state == State::Running);
        let running: Vec<u8> = running.map(|(number, _)| number).collect();
        for number in running {
            world.end(number, true);
        }
        let all_failed = world.not_failed().next().is_none();
        let new = |call| Work::Accept { call, at: AcceptAt::Begin };
        let stored = |world: &Self| world.operations[usize::from(self.calls)].is_some();
        let mut keys: Vec<u8> = world.there().map(|(_, it)| it.key).collect();
        keys.push(NEW_KEY);
        keys.into_iter().all(|key| {
            let is_there = world.of_request(key).is_some();
            let expected = all_failed && !is_there;
            world.answers(rules, key, new(self.calls)).is_some_and(|it| stored(&it) == expected)
        }) && world.there().filter(|(_, it)| it.state == State::Failed).all(|(failed, it)| {
            let again = Work::Redrive { call: self.calls, failed, at: RedriveAt::Look };
            let expected = all_failed && it.redriven_as.is_none();
            world.answers(rules, it.key, again).is_some_and(|it| stored(&it) == expected)
        })
    }

    /// What comes of a call that nobody disturbs; `None` if it has no end.
    fn answers(&self, rules: &Rules, key: u8, work: Work) -> Option<Self> {
        let mut world = self.clone();
        world.callers = vec![Caller { key, work }];
        for _ in 0..PARTS {
            world.go_on(rules, 0)?;
            if world.callers[0].work == Work::Idle {
                return Some(world);
            }
        }
        None
    }
}
