use super::KeyAlphabet;

/// What a key may look like.
///
/// ```
/// # use orch_core::provider as orch;
/// use orch::{KeyAlphabet, KeyForm};
///
/// const LETTERS: KeyForm = KeyForm::up_to(40).of(KeyAlphabet::ALPHANUMERIC).at_least(33);
/// # let _ = LETTERS;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyForm {
    /// A UUID of version 4, with hyphens, and nothing else.
    Uuid4,
    /// A text.
    Text {
        /// The fewest characters.
        shortest: usize,
        /// The most characters.
        longest: usize,
        /// Which ones.
        alphabet: KeyAlphabet,
    },
}

impl KeyForm {
    /// A text of at most 255 visible characters.
    pub const ANY: Self = Self::up_to(255);

    /// A text of at most so many visible characters.
    #[must_use]
    pub const fn up_to(longest: usize) -> Self {
        Self::Text { shortest: 1, longest, alphabet: KeyAlphabet::VISIBLE }
    }

    /// The same with at least so many characters. Nothing changes for a UUID.
    #[must_use]
    pub const fn at_least(self, shortest: usize) -> Self {
        match self {
            Self::Uuid4 => self,
            Self::Text { longest, alphabet, .. } => Self::Text { shortest, longest, alphabet },
        }
    }

    /// The same of these characters. Nothing changes for a UUID.
    #[must_use]
    pub const fn of(self, alphabet: KeyAlphabet) -> Self {
        match self {
            Self::Uuid4 => self,
            Self::Text { shortest, longest, .. } => Self::Text { shortest, longest, alphabet },
        }
    }

    /// How orch writes a key of this form, the most readable way first; `None` if there is no room for
    /// 128 bits.
    pub(super) const fn spelling(self) -> Option<Spelling> {
        let (shortest, longest, own) = match self {
            Self::Uuid4 => return Some(Spelling::Uuid4),
            Self::Text { shortest, longest, alphabet } => (shortest, longest, alphabet),
        };
        if shortest <= 36 && longest >= 36 && own.holds(KeyAlphabet::UUID) {
            return Some(Spelling::Uuid8);
        }
        let ways = [KeyAlphabet::HEX, KeyAlphabet::ALPHANUMERIC, own];
        let mut at = 0;
        while at < ways.len() {
            let length = ways[at].length_of_128_bits();
            if own.holds(ways[at]) && length <= longest {
                let width = if length < shortest { shortest } else { length };
                return Some(Spelling::Digits { alphabet: ways[at], width });
            }
            at += 1;
        }
        None
    }
}

/// How a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As a UUID that says that its bits are the maker's own.
    Uuid8,
    /// As a UUID that passes for a random one.
    Uuid4,
    /// As a number of so many digits.
    Digits { alphabet: KeyAlphabet, width: usize },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_readable_spelling_that_fits_is_taken() {
        let digits = |alphabet, width| Some(Spelling::Digits { alphabet, width });
        for (form, spelling) in [
            (KeyForm::ANY, Some(Spelling::Uuid8)),
            (KeyForm::Uuid4, Some(Spelling::Uuid4)),
            (KeyForm::Uuid4.at_least(50).of(KeyAlphabet::DIGITS), Some(Spelling::Uuid4)),
            (KeyForm::up_to(36).at_least(36), Some(Spelling::Uuid8)),
            (KeyForm::up_to(35), digits(KeyAlphabet::HEX, 32)),
            (KeyForm::up_to(40).at_least(37), digits(KeyAlphabet::HEX, 37)),
            (KeyForm::up_to(31), digits(KeyAlphabet::ALPHANUMERIC, 22)),
            (KeyForm::up_to(21), digits(KeyAlphabet::VISIBLE, 20)),
            (KeyForm::ANY.of(KeyAlphabet::DIGITS), digits(KeyAlphabet::DIGITS, 39)),
            (KeyForm::up_to(19), None),
            (KeyForm::up_to(38).of(KeyAlphabet::DIGITS), None),
        ] {
            assert_eq!(form.spelling(), spelling, "{form:?}");
        }
    }
}
