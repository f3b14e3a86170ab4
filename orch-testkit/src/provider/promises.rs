use std::time::Duration;

use orch_core::policies::Says;
use orch_core::provider::{Keeps, KeyLifetime, Provider, Repeat, Word};

use super::{Answered, Reply};

/// What a provider does with its keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promises {
    pub(super) repeat: Repeat,
    /// How long it remembers a key after its first use; `None` without limit.
    pub(super) lifetime: Option<Duration>,
    /// Whether it refuses another body under a key that it remembers.
    pub(super) compares_bodies: bool,
    /// Whether it keeps a decline where it keeps no other error.
    keeps_declines: bool,
    words: &'static [Word],
}

/// How a call ended at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It acted and said so.
    Acted,
    /// It acted and said something else, or nothing.
    ActedUnsaid,
    /// It declined.
    Declined,
    /// It did not act, and failed.
    Failed,
}

impl Promises {
    /// A provider of which no contract is given: it keeps what is definite and compares bodies.
    pub(super) const DEFINITE: Self = Self {
        repeat: Repeat::Answers(Keeps::Effects),
        lifetime: None,
        compares_bodies: true,
        keeps_declines: true,
        words: &[],
    };

    pub(super) fn of<P: Provider>() -> Self {
        let lifetime = match P::KEY_LIFETIME {
            KeyLifetime::AtLeast(lifetime) => Some(lifetime),
            _ => None,
        };
        Self {
            repeat: P::REPEAT,
            lifetime,
            compares_bodies: word(P::WORDS, Says::OtherBody).is_some(),
            keeps_declines: false,
            words: P::WORDS,
        }
    }

    /// What a repeated call is answered after one that ended so and was answered `said`; `None` if it is
    /// a new call.
    pub(super) fn keeps(&self, end: End, said: Reply, charged: Option<Reply>) -> Option<Reply> {
        match self.repeat {
            Repeat::Answers(Keeps::Everything) => Some(said),
            Repeat::Answers(Keeps::Effects) => match end {
                End::Acted | End::ActedUnsaid => charged.or(Some(said)),
                End::Declined => self.keeps_declines.then_some(said),
                End::Failed => None,
            },
            Repeat::Answers(Keeps::Successes) => (end == End::Acted).then_some(said),
            Repeat::Refuses => Some(Reply::AlreadyDone),
            // What a later release adds is taken for the worst.
            _ => None,
        }
    }

    /// What a call is answered while another one with its key is at work; `None` if it is a new call.
    pub(super) fn at_work(&self) -> Option<Reply> {
        match self.repeat {
            Repeat::Answers(_) => Some(Reply::StillRunning),
            Repeat::Refuses if word(self.words, Says::StillRunning).is_some() => {
                Some(Reply::StillRunning)
            }
            Repeat::Refuses => Some(Reply::AlreadyDone),
            _ => None,
        }
    }

    /// The reply over HTTP, in the words of the contract.
    pub(super) fn spell(&self, reply: Reply) -> Answered {
        let said = |meaning, status| {
            let word = word(self.words, meaning);
            let answered = Answered::new(word.and_then(|word| word.status).unwrap_or(status));
            match word.and_then(|word| word.code) {
                Some(code) => answered.with_code(code),
                None => answered,
            }
        };
        match reply {
            Reply::Charged { receipt } => Answered::new(200).with_receipt(receipt.to_string()),
            Reply::Declined => said(Says::Refused, 402),
            Reply::Unavailable => Answered::new(503),
            Reply::RateLimited { after } => Answered::new(429).with_retry_after(after),
            Reply::Refused => Answered::new(401),
            Reply::KeyReused => said(Says::OtherBody, 422),
            Reply::Error { status } => Answered::new(status),
            Reply::StillRunning => said(Says::StillRunning, 409),
            Reply::AlreadyDone => said(Says::Done, 409),
        }
    }
}

/// The first word of the contract with this meaning.
fn word(words: &'static [Word], meaning: Says) -> Option<&'static Word> {
    words.iter().find(|word| word.says == meaning)
}
