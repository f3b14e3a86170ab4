use std::time::Duration;

use super::form::Spelling;
use super::{KeyAlphabet, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word};
use crate::provider::Message;

/// A contract as values, with what the compiler holds it and its handlers to. Each method that
/// can refuse is evaluated while constants are; its message gives rule, reason and remedy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(super) name: &'static str,
    pub(super) repeat: Repeat,
    pub(super) lifetime: KeyLifetime,
    pub(super) place: KeyPlace,
    pub(super) form: KeyForm,
    pub(super) words: &'static [Word],
    pub(super) published: Option<Published>,
}

impl Rules {
    pub(crate) const fn of<P: Provider>() -> Self {
        Self {
            name: P::NAME,
            repeat: P::REPEAT,
            lifetime: P::KEY_LIFETIME,
            place: P::KEY_PLACE,
            form: P::KEY_FORM,
            words: P::WORDS,
            published: P::PUBLISHED,
        }
    }

    /// What people call the provider.
    pub(crate) const fn provider(&self) -> &'static str {
        self.name
    }

    /// How keys are written, of a contract that is legal.
    #[track_caller]
    pub(super) const fn spelling(&self) -> Spelling {
        self.legal();
        match self.form.spelling() {
            Some(spelling) => spelling,
            None => unreachable!(),
        }
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
        self.place_is_legal();
        self.form_is_legal();
        if let KeyLifetime::AtLeast(Duration::ZERO) = self.lifetime {
            refuse(
                self.says("`KEY_LIFETIME` is zero")
                    .with("\nnote: a key that is forgotten at once makes no repetition safe")
                    .with("\nhelp: write `REPEAT` as `Repeat::Acts`, or the time that the provider has published"),
            );
        }
        let mut at = 0;
        while at < self.words.len() {
            if !self.words[at].is_legal() {
                refuse(
                    self.says("word ")
                        .with_number(at as u128 + 1)
                        .with(" of `WORDS` has a status that is none, or no code, or an empty one")
                        .with("\nnote: no answer would ever be this word, or every one")
                        .with("\nhelp: write `Word::of(409, \"the code in the body\", …)`, `Word::of_status(…)` or `Word::of_code(…)`"),
                );
            }
            at += 1;
        }
        if let Some(published) = self.published
            && !published.is_legal()
        {
            refuse(
                self.says("`PUBLISHED` names no place, or a date that is none")
                    .with("\nnote: pages change, so a contract says which one it was read from, and when")
                    .with("\nhelp: write `Some(Published::new(\"docs.example.com/keys\", (2026, 11, 28)))`, or leave it out"),
            );
        }
    }

    #[track_caller]
    const fn place_is_legal(&self) {
        let (named, sound) = match self.place {
            KeyPlace::Header(name) | KeyPlace::QuotedHeader(name) => (name, is_header_name(name)),
            KeyPlace::BodyField(name) | KeyPlace::Query(name) => (name, !name.is_empty()),
            KeyPlace::Text | KeyPlace::Command => ("", true),
        };
        if !sound {
            refuse(
                self.says("`KEY_PLACE` names `")
                    .with(named)
                    .with("`, which is not the name of a header, a field or a parameter")
                    .with("\nnote: the key would not be sent, and each call would act again")
                    .with("\nhelp: of a header write letters, digits and hyphens, such as `KeyPlace::Header(\"Idempotency-Key\")`"),
            );
        }
    }

    #[track_caller]
    const fn form_is_legal(&self) {
        let KeyForm::Text { shortest, longest, alphabet } = self.form else { return };
        if !alphabet.is_legal() {
            refuse(
                self.says("the alphabet of `KEY_FORM` is not at least two characters of visible ASCII, each once")
                    .with("\nnote: keys are written with them, and sent in a header")
                    .with("\nhelp: write `.of(KeyAlphabet::of(\"…\"))` with others, or leave it out"),
            );
        }
        let most = if longest < MAX_SHORTEST { longest } else { MAX_SHORTEST };
        if shortest > most {
            refuse(
                self.says("a key of at least ")
                    .with_number(shortest as u128)
                    .with(" characters (`KEY_FORM`) is longer than ")
                    .with_number(most as u128)
                    .with(if most == longest { ", its longest" } else { ", which is all that orch writes" })
                    .with("\nnote: no key could be written")
                    .with("\nhelp: write how long it may be, and then how short: `KeyForm::up_to(64).at_least(16)`"),
            );
        }
        if self.form.spelling().is_none() {
            refuse(
                self.says("a key of ")
                    .with_number(longest as u128)
                    .with(" characters (`KEY_FORM`) has no room for 128 bits, which need ")
                    .with_number(alphabet.length_of_128_bits() as u128)
                    .with(" of its alphabet")
                    .with("\nnote: with fewer, two operations could share a key, and one of them would not act")
                    .with("\nhelp: allow longer keys or more characters if the provider does; else treat it as `Unkeyed`"),
            );
        }
    }

    /// The header that takes the key. Refused where the key does not go into one.
    #[track_caller]
    pub(super) const fn header(&self) -> &'static str {
        if let Repeat::Acts = self.repeat {
            refuse(
                Message::EMPTY
                    .with(self.name)
                    .with(" knows no idempotency keys, so there is no header for one")
                    .with("\nnote: the header would be ignored, and each call would act again; the place of the call is named last, below")
                    .with("\nhelp: send `key.as_str()` as a reference of yours, and find the call by it in `reconcile`"),
            );
        }
        match self.place {
            KeyPlace::Header(name) | KeyPlace::QuotedHeader(name) => name,
            KeyPlace::BodyField(field) => self.is_elsewhere(
                " reads the key from the field `",
                field,
                "` of the request's body",
                "put `key.as_str()` into that field",
            ),
            KeyPlace::Query(parameter) => self.is_elsewhere(
                " reads the key from the parameter `",
                parameter,
                "` of the URL",
                "put `key.as_str()` into that parameter",
            ),
            KeyPlace::Text => self.is_elsewhere(
                " reads the key from the text of the request",
                "",
                "",
                "write `key.as_str()` where the provider's page says",
            ),
            KeyPlace::Command => self.is_elsewhere(
                " takes the reference that is in the command",
                "",
                "",
                "send the field of the command that has it, and find the call by it in `reconcile`",
            ),
        }
    }

    #[track_caller]
    const fn is_elsewhere(&self, place: &str, name: &str, of: &str, remedy: &str) -> ! {
        refuse(
            Message::EMPTY
                .with(self.name)
                .with(place)
                .with(name)
                .with(of)
                .with(", not from a header")
                .with("\nnote: with the key in a header, each call would act again; the place of the call is named last, below")
                .with("\nhelp: ")
                .with(remedy),
        )
    }

    const fn says(&self, what: &str) -> Message {
        Message::EMPTY.with("the contract of ").with(self.name).with(": ").with(what)
    }
}

/// The longest key that a contract may ask for.
const MAX_SHORTEST: usize = 1024;

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
    use crate::policies::Says;
    use crate::provider::catalogue::{CheckoutCom, Qonto, Square, Stripe};
    use crate::provider::{AnyProvider, Unkeyed};

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
        assert!(rules.iter().all(|rules| rules.spelling() == Spelling::Uuid8));
    }

    #[test]
    fn our_rule_for_header_names_is_that_of_http() {
        for byte in 0..=u8::MAX {
            let Ok(name) = std::str::from_utf8(std::slice::from_ref(&byte)) else { continue };
            assert_eq!(is_header_name(name), HeaderName::from_bytes(&[byte]).is_ok(), "{name:?}");
        }
        assert!(!is_header_name("") && !is_header_name(&"a".repeat(101)));
    }

    const EMPTY_WORD: &[Word] = &[Word::of_code("", Says::Done)];

    #[test]
    fn a_contract_that_contradicts_itself_is_refused() {
        for (rules, part) in [
            (with(|rules| rules.name = ""), "`NAME`"),
            (
                with(|rules| rules.place = KeyPlace::Header("Idempotency Key")),
                "`KEY_PLACE` names `Id",
            ),
            (with(|rules| rules.place = KeyPlace::QuotedHeader("")), "`KEY_PLACE` names ``"),
            (with(|rules| rules.place = KeyPlace::BodyField("")), "`KEY_PLACE` names ``"),
            (with(|rules| rules.place = KeyPlace::Query("")), "`KEY_PLACE` names ``"),
            (with(|rules| rules.form = KeyForm::ANY.of(KeyAlphabet::of("a"))), "the alphabet of"),
            (
                with(|rules| rules.form = KeyForm::up_to(19)),
                "19 characters (`KEY_FORM`) has no room",
            ),
            (
                with(|rules| rules.form = KeyForm::up_to(40).at_least(41)),
                "at least 41 characters (`KEY_FORM`) is longer than 40, its longest",
            ),
            (
                with(|rules| rules.form = KeyForm::up_to(9999).at_least(1025)),
                "is longer than 1024, which is all",
            ),
            (with(|rules| rules.words = EMPTY_WORD), "word 1 of `WORDS`"),
            (with(|rules| rules.published = Some(Published::new("", (2026, 1, 1)))), "`PUBLISHED`"),
            (lives(Duration::ZERO), "`KEY_LIFETIME` is zero"),
        ] {
            let text = refusal(move || rules.legal());
            assert!(text.contains(part), "{text}");
            assert!(text.contains("\nnote: ") && text.contains("\nhelp: "), "{text}");
        }
    }

    #[test]
    fn a_key_that_no_header_takes_is_not_sent_in_one() {
        assert_eq!(Rules::of::<Stripe>().header(), "Idempotency-Key");
        let quoted = with(|rules| rules.place = KeyPlace::QuotedHeader("Idempotency-Key"));
        assert_eq!(quoted.header(), "Idempotency-Key");
        for (place, start) in [
            (
                KeyPlace::BodyField("id"),
                "Stripe reads the key from the field `id` of the request's",
            ),
            (KeyPlace::Query("id"), "Stripe reads the key from the parameter `id` of the URL, not"),
            (
                KeyPlace::Text,
                "Stripe reads the key from the text of the request, not from a header",
            ),
            (KeyPlace::Command, "Stripe takes the reference that is in the command, not from a"),
        ] {
            let text = refusal(move || with(|rules| rules.place = place).header());
            assert!(text.starts_with(start), "{text}");
        }
        let text = refusal(|| Rules::of::<Unkeyed>().header());
        assert!(text.starts_with("Unkeyed knows no idempotency keys"), "{text}");
    }
}
