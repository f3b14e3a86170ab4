use std::time::Duration;

use super::{KeyAlphabet, KeyLifetime, Provider};
use crate::provider::Message;

/// A contract as values, with what the compiler holds it and its handlers to. Each method that
/// can refuse is evaluated while constants are; its message gives rule, reason and remedy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(super) name: &'static str,
    header: &'static str,
    body_field: Option<&'static str>,
    pub(super) lifetime: KeyLifetime,
    pub(super) replays_errors: bool,
    length: usize,
    alphabet: KeyAlphabet,
}

/// How a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As a UUID, with hyphens.
    Uuid,
    /// As a number, with these characters for digits.
    Digits(KeyAlphabet),
}

impl Rules {
    pub(crate) const fn of<P: Provider>() -> Self {
        Self {
            name: P::NAME,
            header: P::HEADER,
            body_field: P::BODY_FIELD,
            lifetime: P::KEY_LIFETIME,
            replays_errors: P::REPLAYS_ERRORS,
            length: P::KEY_LENGTH,
            alphabet: P::KEY_ALPHABET,
        }
    }

    /// The first form that fits, the most readable first.
    #[track_caller]
    pub(super) const fn form(&self) -> Form {
        self.legal();
        if self.length >= 36 && self.alphabet.holds(KeyAlphabet::UUID) {
            Form::Uuid
        } else if self.takes(KeyAlphabet::HEX) {
            Form::Digits(KeyAlphabet::HEX)
        } else if self.takes(KeyAlphabet::ALPHANUMERIC) {
            Form::Digits(KeyAlphabet::ALPHANUMERIC)
        } else {
            Form::Digits(self.alphabet)
        }
    }

    const fn takes(&self, alphabet: KeyAlphabet) -> bool {
        self.alphabet.holds(alphabet) && alphabet.length_of_128_bits() <= self.length
    }

    /// Refuses a contract that contradicts itself.
    #[track_caller]
    pub(crate) const fn legal(&self) {
        if self.name.is_empty() || self.name.len() > 50 {
            panic!(
                "the `NAME` of a provider's contract has 1 to 50 characters\n\
                 note: messages and logs call the provider by it\n\
                 help: write the name that people use"
            );
        }
        if !is_header_name(self.header) {
            refuse(
                self.says("`HEADER` is not the name of a header")
                    .with("\nnote: the key would not be sent, and each call would act again")
                    .with(
                        "\nhelp: write letters, digits and hyphens, such as `\"Idempotency-Key\"`",
                    ),
            );
        }
        if !self.alphabet.is_legal() {
            refuse(
                self.says(
                    "`KEY_ALPHABET` is not at least two characters of visible ASCII, each once",
                )
                .with("\nnote: keys are written with them, and sent in a header")
                .with("\nhelp: write `KeyAlphabet::of(\"…\")` with others, or leave it out"),
            );
        }
        let room = self.alphabet.length_of_128_bits();
        if self.length < room {
            refuse(
                self.says("a key of ")
                    .with_number(self.length as u128)
                    .with(" characters (`KEY_LENGTH`) has no room for 128 bits, which need ")
                    .with_number(room as u128)
                    .with(" of its `KEY_ALPHABET`")
                    .with("\nnote: with fewer, two operations could share a key, and one of them would not act")
                    .with("\nhelp: allow longer keys or more characters if the provider does; else treat it as `Unkeyed`"),
            );
        }
        if let KeyLifetime::AtLeast(Duration::ZERO) = self.lifetime {
            refuse(
                self.says("`KEY_LIFETIME` is zero")
                    .with("\nnote: a key that is forgotten at once makes no repetition safe")
                    .with("\nhelp: write `KeyLifetime::NoKeys`, or the time that the provider has published"),
            );
        }
    }

    /// Refuses a header for a key that does not go into one.
    #[track_caller]
    pub(super) const fn sent_in_a_header(&self) {
        if let Some(field) = self.body_field {
            refuse(
                Message::EMPTY
                    .with(self.name)
                    .with(" reads the key from the field `")
                    .with(field)
                    .with("` of the request's body, not from a header")
                    .with("\nnote: with the key in a header, each call would act again; the place of the call is named last, below")
                    .with("\nhelp: put `key.as_str()` into that field"),
            );
        }
        if let KeyLifetime::NoKeys = self.lifetime {
            refuse(
                Message::EMPTY
                    .with(self.name)
                    .with(" knows no idempotency keys, so there is no header for one")
                    .with("\nnote: the header would be ignored, and each call would act again; the place of the call is named last, below")
                    .with("\nhelp: send `key.as_str()` as a reference of yours, and find the call by it in `reconcile`"),
            );
        }
    }

    const fn says(&self, what: &str) -> Message {
        Message::EMPTY.with("the contract of ").with(self.name).with(": ").with(what)
    }
}

#[track_caller]
pub(super) const fn refuse(message: Message) -> ! {
    panic!("{}", message.as_str())
}

/// The rule of HTTP for the name of a field.
const fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 100 && KeyAlphabet::TOKEN.spells(name.as_bytes())
}

#[cfg(test)]
pub(super) mod tests {
    use http::HeaderName;

    use super::*;
    use crate::provider::{AnyProvider, CheckoutCom, Qonto, Square, Stripe, Unkeyed};

    pub(in crate::provider) fn with(change: impl FnOnce(&mut Rules)) -> Rules {
        let mut rules = Rules::of::<Stripe>();
        change(&mut rules);
        rules
    }

    pub(in crate::provider) fn lives(lifetime: Duration) -> Rules {
        with(|rules| rules.lifetime = KeyLifetime::AtLeast(lifetime))
    }

    /// What the compiler would say.
    pub(in crate::provider) fn refusal<T>(
        rules: impl FnOnce() -> T + std::panic::UnwindSafe,
    ) -> String {
        let Err(panic) = std::panic::catch_unwind(rules) else { panic!("it is carried") };
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap()
    }

    #[test]
    fn the_ready_made_contracts_are_legal() {
        let rules = [
            Rules::of::<AnyProvider>(),
            Rules::of::<Unkeyed>(),
            Rules::of::<Stripe>(),
            Rules::of::<CheckoutCom>(),
            Rules::of::<Qonto>(),
            Rules::of::<Square>(),
        ];
        assert!(rules.iter().all(|rules| rules.form() == Form::Uuid));
    }

    #[test]
    fn our_rule_for_header_names_is_that_of_http() {
        for byte in 0..=u8::MAX {
            let Ok(name) = std::str::from_utf8(std::slice::from_ref(&byte)) else { continue };
            assert_eq!(is_header_name(name), HeaderName::from_bytes(&[byte]).is_ok(), "{name:?}");
        }
        assert!(!is_header_name("") && !is_header_name(&"a".repeat(101)));
    }

    #[test]
    fn a_contract_that_contradicts_itself_is_refused() {
        for (rules, part) in [
            (with(|rules| rules.name = ""), "`NAME`"),
            (with(|rules| rules.header = "Idempotency Key"), "`HEADER`"),
            (with(|rules| rules.alphabet = KeyAlphabet::of("a")), "`KEY_ALPHABET`"),
            (with(|rules| rules.length = 19), "19 characters (`KEY_LENGTH`)"),
            (lives(Duration::ZERO), "`KEY_LIFETIME` is zero"),
        ] {
            let text = refusal(move || rules.legal());
            assert!(text.contains(part), "{text}");
            assert!(text.contains("\nnote: ") && text.contains("\nhelp: "), "{text}");
        }
    }

    #[test]
    fn a_key_that_no_header_takes_is_not_sent_in_one() {
        Rules::of::<Stripe>().sent_in_a_header();
        let text = refusal(|| Rules::of::<Square>().sent_in_a_header());
        assert!(
            text.starts_with("Square reads the key from the field `idempotency_key`"),
            "{text}"
        );
        let text = refusal(|| Rules::of::<Unkeyed>().sent_in_a_header());
        assert!(text.starts_with("Unkeyed knows no idempotency keys"), "{text}");
    }
}
