//! Somebody else's API, and what a worker learns of it.

use super::world::{End, Key, World};
use super::{Before, Rules};

/// What the provider does with one call, and what the worker hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It acts, or has acted on this key before, and says so.
    Done,
    /// It acts, and no answer comes.
    ActsSilently,
    /// It begins to work on it, and the worker gives up before it has acted.
    Begins,
    /// It says that it is at work on a call with this key.
    StillRunning,
    /// It refuses, since the reference was used.
    AlreadyDone,
    /// It accepts the call, or has done so before, and tells later what becomes of it.
    Accepts,
    /// It declines for good, or has done so before.
    Declined,
    /// Something before the provider refuses for now.
    Busy,
    /// The call does not reach it, and no answer comes.
    Nothing,
}

impl Reply {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::ActsSilently,
        Self::Begins,
        Self::StillRunning,
        Self::AlreadyDone,
        Self::Accepts,
        Self::Declined,
        Self::Busy,
        Self::Nothing,
    ];
}

/// What a reconcile is told. All that is said is true, but for one thing: a provider that has accepted a call
/// may not find it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// A call of this operation has acted.
    Happened,
    /// None has, and none will unless there is another one.
    NotHappened,
    /// None has, and none will: the provider refuses each from now on.
    Refused,
    /// It has accepted a call of this operation, and nothing has become of it yet.
    Accepted,
    /// It cannot say.
    Unanswered,
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Happened, Self::NotHappened, Self::Refused, Self::Accepted, Self::Unanswered];
}

impl World {
    /// One call under this key. `None` if the provider would not answer so.
    pub(super) fn call(&mut self, rules: &Rules, generation: u8, reply: Reply) -> Option<End> {
        let used = rules.before == Before::DoneByAnother;
        // A call that the database has lost is told of by the provider alone; whatever is before the
        // provider knows nothing of it, and the key of a history with a hole in it is not kept here.
        if reply == Reply::Busy && self.is_deceived(rules) {
            return None;
        }
        let key = self.keys.get_mut(usize::from(generation))?;
        Some(match (reply, *key) {
            (Reply::Nothing, _) => End::InDoubt,
            (Reply::Busy, _) => End::Retry,
            (Reply::Done, Key::Acted) => End::Ok,
            (Reply::AlreadyDone, Key::Acted) => End::AlreadyDone,
            (Reply::StillRunning, Key::AtWork) => End::StillRunning,
            (Reply::Accepts, Key::AtWork) => End::Submitted,
            (Reply::Declined, Key::Over) => End::Declined,
            (Reply::AlreadyDone, Key::Unknown) if used => End::AlreadyDone,
            (_, Key::Unknown) if used => return None,
            (Reply::Begins, Key::Unknown) => {
                *key = Key::AtWork;
                End::InDoubt
            }
            (Reply::Accepts, Key::Unknown) => {
                *key = Key::AtWork;
                End::Submitted
            }
            (Reply::Declined, Key::Unknown) => {
                *key = Key::Over;
                End::Declined
            }
            (Reply::Done | Reply::ActsSilently, Key::Over) if rules.messages > 0 => {
                *key = Key::Acted;
                self.audit.acts += 1;
                if reply == Reply::Done { End::Ok } else { End::InDoubt }
            }
            (Reply::Done | Reply::ActsSilently, Key::Unknown) => {
                *key = Key::Acted;
                self.audit.acts += 1;
                if reply == Reply::Done { End::Ok } else { End::InDoubt }
            }
            _ => return None,
        })
    }

    /// A reconcile. `None` if that would not be true.
    pub(super) fn ask(&mut self, answer: Answer) -> Option<End> {
        let acted = self.keys.contains(&Key::Acted);
        let at_work = self.keys.contains(&Key::AtWork);
        let may_act = acted || self.has_a_call_on_its_way();
        Some(match answer {
            Answer::Unanswered => End::InDoubt,
            Answer::Happened if acted => End::Ok,
            Answer::Accepted if at_work => End::Submitted,
            Answer::NotHappened if !may_act && !at_work || self.audit.submitted && !acted => {
                End::NotHappened
            }
            Answer::Refused if !may_act => {
                self.keys = [Key::Over; super::KEYS];
                End::Refused
            }
            _ => return None,
        })
    }

    /// The provider writes a message of its own, about a call that it has had: it has acted, or it will not
    /// act on that call. `None` if that would not be true.
    pub(super) fn write(&mut self, answer: Answer) -> Option<()> {
        let acted = self.keys.contains(&Key::Acted);
        let true_now = match answer {
            Answer::Happened => acted,
            Answer::NotHappened | Answer::Refused => !acted && self.keys.contains(&Key::Over),
            Answer::Accepted | Answer::Unanswered => false,
        };
        self.messages = self.messages.checked_sub(1).filter(|_| true_now)?;
        self.message = Some(answer);
        Some(())
    }

    /// The provider is done with a call that it was at work on.
    pub(super) fn work_ends(&mut self, generation: usize, acts: bool) -> Option<()> {
        let key = self.keys.get_mut(generation).filter(|key| **key == Key::AtWork)?;
        *key = if acts { Key::Acted } else { Key::Over };
        self.audit.acts += u8::from(acts);
        Some(())
    }
}
