/// The characters that a provider accepts in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyAlphabet(&'static str);

impl KeyAlphabet {
    /// All of ASCII that can be seen, the space left out.
    pub const VISIBLE: Self = Self(
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
    );
    /// `0-9`, `A-Z` and `a-z`.
    pub const ALPHANUMERIC: Self =
        Self("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    /// `0-9` and `a-f`.
    pub const HEX: Self = Self("0123456789abcdef");
    /// `0-9`.
    pub const DIGITS: Self = Self("0123456789");
    /// Those of a UUID.
    pub const UUID: Self = Self("0123456789abcdef-");
    /// What HTTP allows in the name of a header.
    pub(super) const TOKEN: Self =
        Self("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// These characters: visible ASCII, at least two, none twice. A contract with anything else
    /// does not compile. Their order is that of the digits of a key, so a change of it changes
    /// keys.
    #[must_use]
    pub const fn of(characters: &'static str) -> Self {
        Self(characters)
    }

    pub(super) const fn characters(self) -> &'static [u8] {
        self.0.as_bytes()
    }

    /// Visible ASCII, at least two, none twice.
    pub(super) const fn is_legal(self) -> bool {
        let characters = self.characters();
        let mut at = 0;
        while at < characters.len() {
            if !characters[at].is_ascii_graphic() || position(characters, characters[at]) != at {
                return false;
            }
            at += 1;
        }
        characters.len() >= 2
    }

    /// True if every character of the other one is here too.
    pub(super) const fn holds(self, other: Self) -> bool {
        self.spells(other.characters())
    }

    /// Whether the text is written with these characters only.
    pub(super) const fn spells(self, text: &[u8]) -> bool {
        let mut at = 0;
        while at < text.len() {
            if position(self.characters(), text[at]) == self.characters().len() {
                return false;
            }
            at += 1;
        }
        true
    }

    /// The length of a text with room for 128 bits.
    pub(super) const fn length_of_128_bits(self) -> usize {
        let base = self.characters().len() as u128;
        let (mut rest, mut length) = (u128::MAX, 0);
        while rest > 0 {
            rest /= base;
            length += 1;
        }
        length
    }
}

/// The first index of the character; the length if there is none.
const fn position(characters: &[u8], wanted: u8) -> usize {
    let mut at = 0;
    while at < characters.len() && characters[at] != wanted {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_made_alphabets_are_legal() {
        for (alphabet, count, length) in [
            (KeyAlphabet::VISIBLE, 94, 20),
            (KeyAlphabet::ALPHANUMERIC, 62, 22),
            (KeyAlphabet::UUID, 17, 32),
            (KeyAlphabet::HEX, 16, 32),
            (KeyAlphabet::DIGITS, 10, 39),
            (KeyAlphabet::of("01"), 2, 128),
        ] {
            assert!(alphabet.is_legal(), "{alphabet:?}");
            assert_eq!(alphabet.characters().len(), count);
            assert_eq!(alphabet.length_of_128_bits(), length, "{alphabet:?}");
            assert!(KeyAlphabet::VISIBLE.holds(alphabet));
        }
    }

    #[test]
    fn an_alphabet_of_one_or_of_doubles_or_of_blanks_is_not_legal() {
        for wrong in ["", "0", "00", "01 ", "01é", "01\n", "abca"] {
            assert!(!KeyAlphabet::of(wrong).is_legal(), "{wrong:?}");
        }
    }

    #[test]
    fn one_alphabet_holds_another() {
        assert!(KeyAlphabet::UUID.holds(KeyAlphabet::HEX));
        assert!(!KeyAlphabet::HEX.holds(KeyAlphabet::UUID));
    }
}
