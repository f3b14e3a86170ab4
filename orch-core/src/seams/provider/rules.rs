use std::time::Duration;

use super::{KeyAlphabet, KeyLifetime, Provider};
use crate::policies::{DEFAULT_COMPLETED_RETENTION, DEFAULT_TIME_BUDGET, Effect, InDoubt};
use crate::seams::message::Message;

/// A contract as values, with what the compiler holds it and its handlers to. Each method that
/// can refuse is evaluated while constants are; its message gives rule, reason and remedy.
#[derive(Debug, Clone, Copy)]
pub(in crate::seams) struct Rules {
    name: &'static str,
    header: &'static str,
    body_field: Option<&'static str>,
    lifetime: KeyLifetime,
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
    pub(in crate::seams) const fn of<P: Provider>() -> Self {
        Self {
            name: P::NAME,
            header: P::HEADER,
            body_field: P::BODY_FIELD,
            lifetime: P::KEY_LIFETIME,
            length: P::KEY_LENGTH,
            alphabet: P::KEY_ALPHABET,
        }
    }

    /// The first form that fits, of those that people read most easily.
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
    pub(in crate::seams) const fn legal(&self) {
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

    /// Refuses a header for a key that does not stand in one.
    pub(super) const fn sent_in_a_header(&self) {
        if let Some(field) = self.body_field {
            refuse(
                self.says("it reads no header; the key goes into the field `")
                    .with(field)
                    .with("` of the request's body")
                    .with("\nnote: with the key in a header, each call would act again")
                    .with("\nhelp: put `key.as_str()` into that field"),
            );
        }
        if let KeyLifetime::NoKeys = self.lifetime {
            refuse(
                self.says("it knows no idempotency keys, so there is no header for one")
                    .with("\nnote: the provider would ignore it, and each call would act again")
                    .with("\nhelp: send `key.as_str()` as a reference of yours, and find the call by it in `reconcile`"),
            );
        }
    }

    /// Refuses an effect and an end of doubt that the contract does not carry. Returns how long a
    /// key is remembered, where that is to be minded at run time.
    #[track_caller]
    pub(in crate::seams) const fn key_lifetime(
        &self,
        effect: Effect,
        in_doubt: InDoubt,
        attempt_timeout: Duration,
    ) -> Option<Duration> {
        self.legal();
        if !matches!(effect, Effect::Keyed) {
            return None;
        }
        let repeats = matches!(in_doubt, InDoubt::Retry);
        match self.lifetime {
            KeyLifetime::Unlimited => None,
            KeyLifetime::NoKeys => self.has_no_keys(),
            KeyLifetime::Unpublished if repeats => self.is_silent(),
            KeyLifetime::Unpublished => None,
            KeyLifetime::AtLeast(lifetime) => {
                let last_end = DEFAULT_TIME_BUDGET.saturating_add(attempt_timeout);
                if repeats && lifetime.as_nanos() < last_end.as_nanos() {
                    self.forgets_too_early(lifetime, attempt_timeout, last_end);
                }
                if lifetime.as_nanos() > DEFAULT_COMPLETED_RETENTION.as_nanos() {
                    self.outlives_the_operation(lifetime);
                }
                Some(lifetime)
            }
        }
    }

    #[track_caller]
    const fn has_no_keys(&self) -> ! {
        refuse(
            self.says("it knows no idempotency keys, but the effect of this handler is `keyed`")
                .with("\nnote: without a key, a repeated call acts again; `keyed` holds where no `effect` is given")
                .with("\nhelp: say what a repeated call does: `effect = \"read\"`, `\"idempotent\"` or `\"unsafe\"`"),
        )
    }

    #[track_caller]
    const fn is_silent(&self) -> ! {
        refuse(
            self.says("nobody knows how long it remembers a key (`KEY_LIFETIME` is `Unpublished`), and in doubt this handler repeats the call")
                .with("\nnote: once the key is forgotten, the repeated call acts a second time")
                .with("\nhelp: give `reconcile = …`, or `in_doubt = \"park\"` or `\"fail\"`, or write a contract of your own with a figure that the provider has confirmed"),
        )
    }

    #[track_caller]
    const fn forgets_too_early(
        &self,
        lifetime: Duration,
        attempt_timeout: Duration,
        last_end: Duration,
    ) -> ! {
        refuse(
            Message::EMPTY
                .with("`attempt_timeout` of ")
                .with_duration(attempt_timeout)
                .with(" with the default time budget of ")
                .with_duration(DEFAULT_TIME_BUDGET)
                .with(" makes ")
                .with_duration(last_end)
                .with(", and ")
                .with(self.name)
                .with(" forgets keys after ")
                .with_duration(lifetime)
                .with(" (`KEY_LIFETIME` of its contract)")
                .with("\nnote: in doubt this handler repeats the call up to the end of the budget, and once the key is forgotten, it acts a second time")
                .with("\nhelp: give `reconcile = …`, or `in_doubt = \"park\"` or `\"fail\"`"),
        )
    }

    #[track_caller]
    const fn outlives_the_operation(&self, lifetime: Duration) -> ! {
        refuse(
            Message::EMPTY
                .with(self.name)
                .with(" remembers keys for ")
                .with_duration(lifetime)
                .with(" (`KEY_LIFETIME` of its contract), and orch a completed operation for ")
                .with_duration(DEFAULT_COMPLETED_RETENTION)
                .with(" (the default `completed_retention`)")
                .with("\nnote: a request that comes again in between would be a new operation with a new key, and act a second time")
                .with("\nhelp: `AtLeast` is a lower bound, so a shorter one is true as well: write at most ")
                .with_duration(DEFAULT_COMPLETED_RETENTION),
        )
    }

    /// Refuses a keyed handler that is not given the key. `offered` says of each argument behind
    /// the command whether it has one.
    #[track_caller]
    pub(in crate::seams) const fn key_is_taken(&self, offered: &[bool]) {
        let mut at = 0;
        while at < offered.len() {
            if offered[at] {
                return;
            }
            at += 1;
        }
        // A contract without keys has been refused for that.
        if !matches!(self.lifetime, KeyLifetime::NoKeys) {
            panic!(
                "the effect of this handler is `keyed`, and it does not take `Context`\n\
                 note: the key, which makes a repeated call the same call, comes with the context\n\
                 help: take `ctx: Context<P>` behind the command, of the handler's `provider`, and \
                 send `ctx.provider_key()` with each call; or give another `effect`"
            );
        }
    }

    const fn says(&self, what: &str) -> Message {
        Message::EMPTY.with("the contract of ").with(self.name).with(": ").with(what)
    }
}

#[track_caller]
const fn refuse(message: Message) -> ! {
    panic!("{}", message.as_str())
}

/// The rule of HTTP for the name of a field.
const fn is_header_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !(bytes[at].is_ascii_alphanumeric()
            || matches!(
                bytes[at],
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            ))
        {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= 100
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;
    use crate::seams::{AnyProvider, CheckoutCom, Qonto, Square, Stripe, Unkeyed};

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const TIMEOUT: Duration = Duration::from_secs(30);

    fn with(change: impl FnOnce(&mut Rules)) -> Rules {
        let mut rules = Rules::of::<Stripe>();
        change(&mut rules);
        rules
    }

    fn lives(lifetime: Duration) -> Rules {
        with(|rules| rules.lifetime = KeyLifetime::AtLeast(lifetime))
    }

    /// What the compiler would say.
    fn refusal<T>(rules: impl FnOnce() -> T + std::panic::UnwindSafe) -> String {
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
    fn only_keyed_effects_mind_the_lifetime() {
        let stripe = Rules::of::<Stripe>();
        let of = |effect| stripe.key_lifetime(effect, InDoubt::Park, TIMEOUT);
        assert_eq!(of(Effect::Keyed), Some(24 * HOUR));
        for effect in [Effect::Read, Effect::Idempotent, Effect::Unsafe] {
            assert_eq!(of(effect), None);
            let unkeyed = Rules::of::<Unkeyed>();
            assert_eq!(unkeyed.key_lifetime(effect, InDoubt::Park, TIMEOUT), None);
        }
        let any = Rules::of::<AnyProvider>();
        assert_eq!(any.key_lifetime(Effect::Keyed, InDoubt::Retry, TIMEOUT), None);
    }

    #[test]
    fn a_key_must_outlive_the_last_attempt_where_calls_are_repeated() {
        let last_end = DEFAULT_TIME_BUDGET + TIMEOUT;
        let lifetime =
            |lifetime, in_doubt| lives(lifetime).key_lifetime(Effect::Keyed, in_doubt, TIMEOUT);
        assert_eq!(lifetime(last_end, InDoubt::Retry), Some(last_end));
        let short = last_end - Duration::from_nanos(1);
        for in_doubt in [InDoubt::Park, InDoubt::Fail, InDoubt::Reconcile] {
            assert_eq!(lifetime(short, in_doubt), Some(short));
        }
        let text = refusal(move || lifetime(short, InDoubt::Retry));
        assert!(text.starts_with("`attempt_timeout` of 30s with the default time budget of 5m makes 330s, and Stripe forgets keys after "), "{text}");
    }

    #[test]
    fn an_operation_is_kept_as_long_as_its_key() {
        let keyed = |lifetime| lives(lifetime).key_lifetime(Effect::Keyed, InDoubt::Park, TIMEOUT);
        assert_eq!(keyed(DEFAULT_COMPLETED_RETENTION), Some(DEFAULT_COMPLETED_RETENTION));
        let long = DEFAULT_COMPLETED_RETENTION + HOUR;
        assert!(refusal(move || keyed(long)).starts_with("Stripe remembers keys for 169h"));
    }

    #[test]
    fn a_provider_that_says_nothing_carries_no_repetition() {
        let square = Rules::of::<Square>();
        for in_doubt in [InDoubt::Park, InDoubt::Fail, InDoubt::Reconcile] {
            assert_eq!(square.key_lifetime(Effect::Keyed, in_doubt, TIMEOUT), None);
        }
        let text = refusal(move || square.key_lifetime(Effect::Keyed, InDoubt::Retry, TIMEOUT));
        assert!(text.contains("nobody knows how long"), "{text}");
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
    fn every_message_fits_with_the_longest_names() {
        const NAME: &str = "a provider with a name of fifty characters exactly";
        let long = Duration::from_nanos(u64::MAX);
        let named = |lifetime| {
            with(|rules| {
                rules.name = NAME;
                rules.lifetime = lifetime;
            })
        };
        assert_eq!(NAME.len(), 50);
        for (rules, in_doubt, last) in [
            (named(KeyLifetime::NoKeys), InDoubt::Retry, "`\"unsafe\"`"),
            (named(KeyLifetime::Unpublished), InDoubt::Retry, "has confirmed"),
            (named(KeyLifetime::AtLeast(TIMEOUT)), InDoubt::Retry, "`\"fail\"`"),
            (named(KeyLifetime::AtLeast(long)), InDoubt::Park, "at most 7d"),
        ] {
            let text = refusal(move || rules.key_lifetime(Effect::Keyed, in_doubt, TIMEOUT));
            assert!(text.contains(NAME) && text.ends_with(last), "{text}");
        }
    }
}
