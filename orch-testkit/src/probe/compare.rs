use orch_core::policies::{Ending, Says};
use orch_core::provider::{Keeps, KeyLifetime, Provider, Repeat, Word};

use super::{Finding, Promise, Verdict};
use crate::Answered;

/// A contract, and how a handler that is bound to it reads answers.
pub(super) struct Compared {
    repeat: Repeat,
    lifetime: KeyLifetime,
    words: &'static [Word],
    read: fn(&Answered) -> Read,
}

/// What a handler takes an answer for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Success,
    StillRunning,
    Done,
    OtherBody,
    /// A refusal that ends the operation.
    Fail,
    InDoubt,
    /// Not now: it says nothing of the key.
    Later,
}

/// What a second call came to.
enum Second {
    /// The same effect.
    Same,
    /// Another one.
    Again,
    /// An answer that is no success.
    Refused(Read),
}

const LESS: &str = "a repeated call acts again: write `Repeat::Answers(Keeps::Successes)` if it does so \
                    behind an error only, else `Repeat::Acts`, and give the handler a `reconcile`";
const REFUSES: &str = "write `Repeat::Refuses`, with a word for `Says::Done`, and give the handler a \
                       `reconcile`";
const NO_BODY: &str = "let the client send such a body, if the sandbox has one";
const NO_ID: &str = "let the client return the id of the effect";

impl Compared {
    pub(super) fn of<P: Provider>() -> Self {
        Self {
            repeat: P::REPEAT,
            lifetime: P::KEY_LIFETIME,
            words: P::WORDS,
            read: |answered| read::<P>(answered),
        }
    }

    pub(super) fn repeated_key(
        &self,
        first: Option<Answered>,
        second: Option<Answered>,
    ) -> Finding {
        let about = About(Promise::RepeatedKey);
        let second = match self.second(about, first, second) {
            Ok(second) => second,
            Err(unseen) => return unseen,
        };
        match second {
            (Second::Same, said) => match self.repeat {
                Repeat::Answers(_) => about.agrees(format!("answered as before, {said}")),
                _ => about.agrees(format!(
                    "answered as before, {said}; that is more than the contract relies on"
                )),
            },
            (Second::Again, said) => self.acted_again(about, &said, self.repeat == Repeat::Acts),
            (Second::Refused(read), said) => self.refused(about, read, &said),
        }
    }

    pub(super) fn other_body(&self, first: Option<Answered>, second: Option<Answered>) -> Finding {
        let about = About(Promise::OtherBody);
        let (second, said) = match self.second(about, first, second) {
            Ok(second) => second,
            Err(unseen) => return unseen,
        };
        let has_word = self.has_word(Says::OtherBody);
        match second {
            Second::Refused(Read::OtherBody) => {
                about.agrees(format!("refused in its word, {said}"))
            }
            Second::Same if has_word => about.differs(
                format!("answered as before, {said}; the contract has a word for another body"),
                "leave that word out, or have the client send a body that differs more",
            ),
            Second::Same => about.agrees(format!("answered as before, {said}")),
            Second::Again => self.acted_again(about, &said, self.repeat == Repeat::Acts),
            Second::Refused(Read::Done) if self.repeat == Repeat::Refuses => {
                about.agrees(format!("refused as done already, {said}"))
            }
            Second::Refused(Read::Fail) => about.differs(
                format!(
                    "refused, {said}; a handler takes that for an end, and the first call has acted"
                ),
                "write a word for it with `Says::OtherBody`",
            ),
            Second::Refused(_) if has_word => about.differs(
                format!("refused, {said}; that is not the contract's word for another body"),
                "write a word for it with `Says::OtherBody`",
            ),
            Second::Refused(_) => {
                about.agrees(format!("refused, {said}; a handler takes it for doubt"))
            }
        }
    }

    pub(super) fn after_error(&self, first: Option<Answered>, second: Option<Answered>) -> Finding {
        let about = About(Promise::AfterError);
        let Some(first) = first else { return about.no_body() };
        let error = shown(&first);
        if (self.read)(&first) == Read::Success {
            return about.unseen(format!("the body that should fail was taken, {error}"), NO_BODY);
        }
        let Some(second) = second else { return about.no_answer() };
        let said = shown(&second);
        let keeps_all = self.repeat == Repeat::Answers(Keeps::Everything);
        let refuses = self.repeat == Repeat::Refuses;
        match (self.read)(&second) {
            Read::Success if keeps_all || refuses => about.differs(
                format!("a new call, {said}, after {error}: errors are not kept"),
                "write `Repeat::Answers(Keeps::Effects)` or `Keeps::Successes`",
            ),
            Read::Success => about.agrees(format!("a new call, {said}, after {error}")),
            Read::Done if refuses => about.agrees(format!("refused as done already, {said}")),
            Read::Done => about.differs(format!("refused as done already, {said}"), REFUSES),
            Read::OtherBody if keeps_all => {
                about.agrees(format!("the key is remembered, {said}, after {error}"))
            }
            Read::OtherBody => about.unseen(
                format!("the bodies were compared, {said}"),
                "let the client have the same body refused once and taken once",
            ),
            _ if second.status == first.status && second.code == first.code => {
                let kept = format!("the error was kept: {said} again");
                match self.repeat {
                    Repeat::Answers(Keeps::Everything) => about.agrees(kept),
                    _ => about.differs(kept, "write `Repeat::Answers(Keeps::Everything)`"),
                }
            }
            _ => about.unseen(format!("{said} after {error}"), NO_BODY),
        }
    }

    pub(super) fn behind_the_act(
        &self,
        first: Option<Answered>,
        second: Option<Answered>,
    ) -> Finding {
        let about = About(Promise::BehindTheAct);
        let Some(first) = first else { return about.no_body() };
        let Some(second) = second else { return about.no_answer() };
        let (error, said) = (shown(&first), shown(&second));
        if (self.read)(&first) == Read::Success {
            return about.unseen(format!("the call did not fail, {error}"), NO_BODY);
        }
        let read = (self.read)(&second);
        if read == Read::Done {
            return self.refused(about, read, &said);
        }
        let (Some(one), Some(other)) = (&first.receipt, &second.receipt) else {
            return about.unseen(format!("{error}, then {said}, and no id of the effect"), NO_ID);
        };
        let acts_again = matches!(self.repeat, Repeat::Acts | Repeat::Answers(Keeps::Successes));
        if one != other {
            return self.acted_again(about, &said, acts_again);
        }
        let kept = second.status == first.status && second.code == first.code;
        if read != Read::Success && !kept {
            return self.refused(about, read, &said);
        }
        match self.repeat {
            Repeat::Answers(Keeps::Effects) if read != Read::Success => about.differs(
                format!("the error was kept: {said} after {error}"),
                "write `Repeat::Answers(Keeps::Everything)`",
            ),
            Repeat::Answers(Keeps::Everything | Keeps::Effects) => {
                about.agrees(format!("the effect was kept: {said} after {error}"))
            }
            _ => about.agrees(format!(
                "the effect was kept: {said} after {error}; that is more than the contract relies on"
            )),
        }
    }

    pub(super) fn in_flight(&self, first: Option<Answered>, second: Option<Answered>) -> Finding {
        let about = About(Promise::InFlight);
        let (Some(first), Some(second)) = (first, second) else { return about.no_body() };
        let reads = [(self.read)(&first), (self.read)(&second)];
        let both = format!("{} and {}", shown(&first), shown(&second));
        let (read, said) = match reads {
            [Read::Success, Read::Success] => match (&first.receipt, &second.receipt) {
                (Some(one), Some(other)) if one != other => {
                    return self.acted_again(about, &both, self.repeat == Repeat::Acts);
                }
                (Some(_), Some(_)) => {
                    let waited = format!("both were answered with the effect, {both}");
                    return about.unseen(waited, "let the client send a body that takes longer");
                }
                _ => return about.unseen(both, NO_ID),
            },
            [Read::Success, read] => (read, shown(&second)),
            [read, Read::Success] => (read, shown(&first)),
            _ => return about.unseen(format!("neither call has acted, {both}"), NO_BODY),
        };
        let has_word = self.has_word(Says::StillRunning);
        const WORD: &str = "write a word for it with `Says::StillRunning`";
        match read {
            Read::StillRunning => about.agrees(format!("still running in its word, {said}")),
            Read::Done if self.repeat == Repeat::Refuses => {
                about.agrees(format!("refused as done already, {said}"))
            }
            Read::InDoubt if !has_word => {
                about.agrees(format!("refused, {said}; a handler takes it for doubt"))
            }
            Read::InDoubt => about.differs(
                format!("refused, {said}; that is not the contract's word for *still running*"),
                WORD,
            ),
            Read::Later => about.unseen(format!("not now, {said}"), "try again later"),
            _ => about.differs(
                format!(
                    "refused, {said}; a handler takes that for an end, and the first call has acted"
                ),
                WORD,
            ),
        }
    }

    pub(super) fn lifetime(&self) -> Finding {
        let said = match self.lifetime {
            KeyLifetime::Unlimited => "without limit".to_owned(),
            KeyLifetime::AtLeast(lifetime) => format!("{lifetime:?} at least"),
            _ => "nothing".to_owned(),
        };
        About(Promise::Lifetime)
            .unseen(format!("the contract says {said}; that is not probed"), "ask the provider")
    }

    /// What the second of two calls came to of which the first one has acted.
    fn second(
        &self,
        about: About,
        first: Option<Answered>,
        second: Option<Answered>,
    ) -> Result<(Second, String), Finding> {
        let Some(first) = first else { return Err(about.no_body()) };
        if (self.read)(&first) != Read::Success {
            let said = format!("the first call has not acted, {}", shown(&first));
            return Err(about.unseen(said, "let the client send a body that the sandbox acts on"));
        }
        let Some(second) = second else { return Err(about.no_answer()) };
        let said = shown(&second);
        match ((self.read)(&second), &first.receipt, &second.receipt) {
            (Read::Success, Some(one), Some(other)) if one == other => Ok((Second::Same, said)),
            (Read::Success, Some(_), Some(_)) => Ok((Second::Again, said)),
            (Read::Success, ..) => {
                Err(about.unseen(format!("{said}, and no id of the effect"), NO_ID))
            }
            (read, ..) => Ok((Second::Refused(read), said)),
        }
    }

    fn acted_again(&self, about: About, said: &str, as_promised: bool) -> Finding {
        let seen = format!("acted again, {said}");
        if as_promised { about.agrees(seen) } else { about.differs(seen, LESS) }
    }

    /// A repeated call is refused although the first one has acted.
    fn refused(&self, about: About, read: Read, said: &str) -> Finding {
        let refuses = self.repeat == Repeat::Refuses;
        match read {
            Read::Later => about.unseen(format!("not now, {said}"), "try again later"),
            Read::Done if refuses => about.agrees(format!("refused as done already, {said}")),
            Read::InDoubt if refuses && !self.has_word(Says::Done) => {
                about.agrees(format!("refused, {said}; a handler takes it for doubt"))
            }
            _ if refuses => about.differs(
                format!("refused, {said}; that is not the contract's word for *done already*"),
                "write a word for it with `Says::Done`",
            ),
            _ => about.differs(format!("refused, {said}"), REFUSES),
        }
    }

    fn has_word(&self, meaning: Says) -> bool {
        self.words.iter().any(|word| word.says == meaning)
    }
}

fn read<P: Provider>(answered: &Answered) -> Read {
    let word = Word::find(P::WORDS, answered.status, answered.code.as_deref());
    if word.is_some_and(|word| word.says == Says::OtherBody) {
        return Read::OtherBody;
    }
    let Err(outcome) = answered.check::<P>() else { return Read::Success };
    match outcome.ending() {
        Ending::StillRunning { .. } => Read::StillRunning,
        Ending::AlreadyDone => Read::Done,
        Ending::Retry { .. } => Read::Later,
        Ending::Fail { .. } => Read::Fail,
        _ => Read::InDoubt,
    }
}

fn shown(answered: &Answered) -> String {
    let Answered { status, code, receipt, .. } = answered;
    let code = code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    let receipt = receipt.as_ref().map(|id| format!(" (effect {id})")).unwrap_or_default();
    format!("{status}{code}{receipt}")
}

/// Makes the findings about one promise.
#[derive(Clone, Copy)]
struct About(Promise);

impl About {
    fn agrees(self, seen: String) -> Finding {
        Finding { promise: self.0, verdict: Verdict::Agrees, seen, remedy: None }
    }

    fn differs(self, seen: String, remedy: &str) -> Finding {
        self.found(Verdict::Differs, seen, remedy)
    }

    fn unseen(self, seen: String, remedy: &str) -> Finding {
        self.found(Verdict::Unseen, seen, remedy)
    }

    fn found(self, verdict: Verdict, seen: String, remedy: &str) -> Finding {
        Finding { promise: self.0, verdict, seen, remedy: Some(remedy.to_owned()) }
    }

    fn no_body(self) -> Finding {
        self.unseen("the client made no such call, or got no answer".to_owned(), NO_BODY)
    }

    fn no_answer(self) -> Finding {
        self.unseen("the second call got no answer".to_owned(), "run it again")
    }
}
