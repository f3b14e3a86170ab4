use crate::policies::Says;

/// One of a provider's own answers, and what it means. A provider answers with a status of HTTP, a code
/// in the body, or both; which of them decides is the provider's to say.
///
/// ```
/// # use orch_core::provider::Word;
/// # use orch_core::policies::Says;
/// const WORDS: &[Word] = &[
///     Word::of(409, "idempotency_key_in_use", Says::StillRunning),
///     Word::of_status(423, Says::StillRunning),
///     Word::of_code("ALREADY_PROCESSED_PAYMENT", Says::Done),
/// ];
/// # assert_eq!(WORDS.len(), 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word {
    /// The status; `None` for any.
    pub status: Option<u16>,
    /// The code, to the letter; `None` for any, and for none.
    pub code: Option<&'static str>,
    /// What it means.
    pub says: Says,
}

impl Word {
    /// An answer with this status and this code.
    #[must_use]
    pub const fn of(status: u16, code: &'static str, says: Says) -> Self {
        Self { status: Some(status), code: Some(code), says }
    }

    /// An answer with this status, whatever its code.
    #[must_use]
    pub const fn of_status(status: u16, says: Says) -> Self {
        Self { status: Some(status), code: None, says }
    }

    /// An answer with this code, whatever its status: a success by its status as well.
    #[must_use]
    pub const fn of_code(code: &'static str, says: Says) -> Self {
        Self { status: None, code: Some(code), says }
    }

    /// The word that an answer is: of several the one that says most of it, a code before a status.
    /// `None` where no word is about it.
    #[must_use]
    pub fn find<'a>(words: &'a [Self], status: u16, code: Option<&str>) -> Option<&'a Self> {
        let says = |word: &&Self| {
            word.status.is_none_or(|it| it == status) && word.code.is_none_or(|it| Some(it) == code)
        };
        let most = |word: &&Self| (word.code.is_some(), word.status.is_some());
        words.iter().filter(says).max_by_key(most)
    }

    /// A status that is one, or a code that is no blank.
    pub(super) const fn is_legal(&self) -> bool {
        let status = match self.status {
            Some(status) => status >= 100 && status <= 999,
            None => self.code.is_some(),
        };
        let code = match self.code {
            Some(code) => !code.is_empty(),
            None => true,
        };
        status && code
    }

    pub(super) const fn any_means_done(words: &[Self]) -> bool {
        let mut at = 0;
        while at < words.len() {
            if matches!(words[at].says, Says::Done) {
                return true;
            }
            at += 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &[Word] = &[
        Word::of_status(409, Says::StillRunning),
        Word::of_code("DECLINED", Says::Refused),
        Word::of(409, "ALREADY_PAID", Says::Done),
        Word::of(400, "DECLINED", Says::OtherBody),
    ];

    #[test]
    fn the_word_that_says_most_of_an_answer_counts() {
        for (status, code, meaning) in [
            (409, None, Some(Says::StillRunning)),
            (409, Some("BUSY"), Some(Says::StillRunning)),
            (409, Some("ALREADY_PAID"), Some(Says::Done)),
            (409, Some("DECLINED"), Some(Says::Refused)),
            (200, Some("DECLINED"), Some(Says::Refused)),
            (400, Some("DECLINED"), Some(Says::OtherBody)),
            (400, Some("ALREADY_PAID"), None),
            (400, Some("declined"), None),
            (200, None, None),
        ] {
            let found = Word::find(WORDS, status, code).map(|word| word.says);
            assert_eq!(found, meaning, "{status} {code:?}");
        }
    }

    #[test]
    fn a_word_has_a_status_or_a_code() {
        assert!(WORDS.iter().all(Word::is_legal));
        let nothing = Word { status: None, code: None, says: Says::Done };
        let refused = [
            nothing,
            Word::of_code("", Says::Done),
            Word::of_status(99, Says::Done),
            Word::of(1000, "X", Says::Done),
        ];
        assert!(!refused.iter().any(Word::is_legal));
    }
}
