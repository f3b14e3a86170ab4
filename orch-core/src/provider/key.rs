use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use http::{HeaderName, HeaderValue};
use uuid::Uuid;

use super::form::Spelling;
use super::rules::Rules;
use super::{AnyProvider, KeyPlace, Provider};
use crate::words::KeySource;

/// The key for the provider's idempotency header, as its contract `P` wants it.
///
/// Only orch makes one, so a client that takes a `&ProviderKey<P>` cannot be called with a key
/// from elsewhere. Every attempt of one operation gets the same key; two identities never share
/// one. An operation that is accepted again, because the database has lost the first one or has
/// purged it, gets the key of the first: an idempotency key names one call for ever. Where the provider replays errors, the attempt after a definite error has a key of
/// the next generation, until the first attempt is lost: from then on the key stays. The
/// operation's row counts the generations; which contract the handler of a later deploy is bound
/// to does not change them.
///
/// The text is an HMAC of the operation's identity with the database's
/// [`KeyNamespace`](crate::words::KeyNamespace), so that no one can predict it from the identity,
/// nor read the client's key from it. It is a UUID version 8 (36 characters, 122 bits of the hash) where the contract has room for
/// it, else 128 bits in the contract's characters.
pub struct ProviderKey<P = AnyProvider> {
    text: String,
    provider: PhantomData<fn() -> P>,
}

impl<P: Provider> ProviderKey<P> {
    /// The key of this source.
    pub(crate) fn of(source: KeySource) -> Self {
        Self { text: Self::text_of(source), provider: PhantomData }
    }

    /// The text of a key. It is only text, not a `ProviderKey`: a handler gets its key from
    /// `Context`, and an operator from `Orchestrator::provider_keys`.
    #[doc(hidden)]
    #[must_use]
    pub fn text_of(source: KeySource) -> String {
        let spelling = const { Rules::of::<P>().spelling() };
        let bits = source.bits();
        match spelling {
            Spelling::Uuid8 => Uuid::new_v8(bits).to_string(),
            Spelling::Uuid4 => uuid::Builder::from_random_bytes(bits).into_uuid().to_string(),
            Spelling::Digits { alphabet, width } => {
                digits(u128::from_be_bytes(bits), alphabet.characters(), width)
            }
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The header's name. A contract without a header is refused as [`header`](Self::header) does.
    #[must_use]
    pub fn header_name(&self) -> HeaderName {
        name(const { Rules::of::<P>().header() })
    }

    /// The header's value: the key's text, in quotes where the contract says so. It is no secret and not
    /// marked as one, so a log of the request shows it. A contract without a header is refused as
    /// [`header`](Self::header) does.
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        const { Rules::of::<P>().header() };
        value::<P>(&self.text)
    }

    /// Name and value, as an HTTP client takes them. Does not compile for a contract without a
    /// header: `cargo build` and `cargo test` refuse it, `cargo check` does not see it yet, since it
    /// is found where this method is built for the contract.
    #[must_use]
    pub fn header(&self) -> (HeaderName, HeaderValue) {
        (name(const { Rules::of::<P>().header() }), value::<P>(&self.text))
    }
}

fn name(header: &str) -> HeaderName {
    HeaderName::from_bytes(header.as_bytes()).expect("the compiler has checked the contract")
}

fn value<P: Provider>(text: &str) -> HeaderValue {
    let text = match P::KEY_PLACE {
        KeyPlace::QuotedHeader(_) => &quoted(text),
        _ => text,
    };
    HeaderValue::from_str(text).expect("a key is visible ASCII")
}

/// A string of structured fields, RFC 9651 §3.3.3.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', r#"\""#);
    format!("\"{escaped}\"")
}

/// The number in these digits, the highest first, with zeros before it up to the width, which has room
/// for the largest number.
fn digits(mut number: u128, characters: &'static [u8], width: usize) -> String {
    let base = characters.len() as u128;
    let mut text = Vec::with_capacity(width);
    for _ in 0..width {
        text.push(char::from(characters[(number % base) as usize]));
        number /= base;
    }
    text.iter().rev().collect()
}

// By hand: a derive would ask the same of `P`, which is only a name.
impl<P> Clone for ProviderKey<P> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), provider: PhantomData }
    }
}

impl<P> PartialEq for ProviderKey<P> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<P> Eq for ProviderKey<P> {}

impl<P> Hash for ProviderKey<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<P> fmt::Debug for ProviderKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProviderKey").field(&self.text).finish()
    }
}

impl<P> fmt::Display for ProviderKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::provider::catalogue::{CheckoutCom, Qonto, Square, Stripe};
    use crate::provider::{KeyAlphabet, KeyForm};
    use crate::words::OpId;

    const HEADER: KeyPlace = KeyPlace::Header("Idempotency-Key");
    const QUOTED: KeyPlace = KeyPlace::QuotedHeader("Idempotency-Key");

    macro_rules! contract {
        ($name:ident, $form:expr, $place:expr) => {
            enum $name {}

            impl Provider for $name {
                const NAME: &'static str = stringify!($name);
                const KEY_PLACE: KeyPlace = $place;
                const KEY_FORM: KeyForm = $form;
            }
        };
    }

    contract!(Short, KeyForm::up_to(35), HEADER);
    contract!(Shorter, KeyForm::up_to(31), HEADER);
    contract!(Shortest, KeyForm::up_to(20), HEADER);
    contract!(Plain, KeyForm::ANY.of(KeyAlphabet::ALPHANUMERIC), HEADER);
    contract!(Long, KeyForm::up_to(64).of(KeyAlphabet::ALPHANUMERIC).at_least(40), HEADER);
    contract!(Numbers, KeyForm::up_to(39).of(KeyAlphabet::DIGITS), HEADER);
    contract!(Letters, KeyForm::up_to(64).of(KeyAlphabet::of("ABCD")), HEADER);
    contract!(Random, KeyForm::Uuid4, HEADER);
    contract!(Quoted, KeyForm::ANY, QUOTED);
    contract!(QuotedShortest, KeyForm::up_to(20), QUOTED);

    const ID: OpId = OpId::from_bytes([7; 16]);
    /// As release 0.1.0 made it.
    const SOURCE: KeySource = KeySource { op_id: ID, seed: None, redrive: 0, generation: 0 };

    fn text<P: Provider>() -> String {
        ProviderKey::<P>::text_of(SOURCE)
    }

    fn of_generation(generation: u32) -> KeySource {
        KeySource { generation, ..SOURCE }
    }

    #[test]
    fn the_first_key_is_the_same_in_every_release_and_hides_the_op_id() {
        // Written down: a key that changed between releases would charge twice after an upgrade.
        let written = "e14da119-7c59-8df6-a8c1-099358a4b00b";
        let ready_made =
            [text::<AnyProvider>(), text::<Stripe>(), text::<CheckoutCom>(), text::<Qonto>()];
        assert!(ready_made.iter().chain(&[text::<Square>()]).all(|text| text == written));
        assert_ne!(written, ID.to_string());
        assert_ne!(
            text::<Stripe>(),
            ProviderKey::<Stripe>::text_of(KeySource {
                op_id: OpId::from_bytes([8; 16]),
                ..SOURCE
            })
        );
    }

    #[test]
    fn a_key_fits_its_contract() {
        fn fits<P: Provider>(length: usize) -> String {
            let text = text::<P>();
            let KeyForm::Text { shortest, longest, alphabet } = P::KEY_FORM else { panic!() };
            assert_eq!(text.len(), length, "{text}");
            assert!((shortest..=longest).contains(&length));
            assert!(alphabet.spells(text.as_bytes()), "{text}");
            text
        }
        // Written down, as above.
        assert_eq!(fits::<Short>(32), "e14da1197c590df668c1099358a4b00b");
        assert_eq!(fits::<Shorter>(22), "6r8kVzjWvRHRtPcZqw48fz");
        assert_eq!(fits::<Shortest>(20), "*c.{3IbpGO5'xivc`[yl");
        assert_eq!(fits::<Plain>(32), fits::<Short>(32));
        assert_eq!(fits::<Long>(40), format!("00000000{}", fits::<Short>(32)));
        assert_eq!(fits::<Numbers>(39), "299479373396847305458304267061744152587");
        assert_eq!(
            fits::<Letters>(64),
            "DCABBADBCCABABCBBDDABBCBAADBDDBCBCCADAABAACBCBADBBCACCBACDAAAACD"
        );
    }

    #[test]
    fn a_uuid_that_must_pass_for_a_random_one_says_that_it_is() {
        let key = Uuid::parse_str(&text::<Random>()).unwrap();
        assert_eq!((key.get_version_num(), key.get_variant()), (4, uuid::Variant::RFC4122));
        // Written down, as above.
        assert_eq!(key.to_string(), "e14da119-7c59-4df6-a8c1-099358a4b00b");
    }

    #[test]
    fn a_quoted_header_holds_a_string_of_structured_fields() {
        let key = ProviderKey::<Quoted>::of(SOURCE);
        assert_eq!(key.header_value(), format!("\"{}\"", key.as_str()));
        let key = ProviderKey::<QuotedShortest> { text: r#"a"b\c"#.into(), provider: PhantomData };
        assert_eq!(key.header_value().to_str().unwrap(), r#""a\"b\\c""#);
    }

    #[test]
    fn each_generation_has_a_key_that_is_the_same_under_every_contract() {
        let keys: HashSet<String> =
            (0..100).map(|g| ProviderKey::<Stripe>::text_of(of_generation(g))).collect();
        assert_eq!(keys.len(), 100);
        for generation in 0..100 {
            let replayed = ProviderKey::<Stripe>::text_of(of_generation(generation));
            assert_eq!(ProviderKey::<Qonto>::text_of(of_generation(generation)), replayed);
            assert_eq!(ProviderKey::<AnyProvider>::text_of(of_generation(generation)), replayed);
        }
    }

    #[test]
    fn a_small_number_is_as_long_as_a_large_one() {
        assert_eq!(digits(0, b"01", 128), "0".repeat(128));
        assert_eq!(digits(u128::MAX, b"01", 128), "1".repeat(128));
        assert_eq!(digits(255, KeyAlphabet::HEX.characters(), 32), format!("{:032x}", 255));
        assert_eq!(digits(u128::MAX, KeyAlphabet::DIGITS.characters(), 39), u128::MAX.to_string());
    }

    #[test]
    fn a_key_becomes_a_header() {
        let key = ProviderKey::<Qonto>::of(of_generation(0));
        let (name, value) = key.header();
        assert_eq!(
            (name.as_str(), value.to_str().unwrap()),
            ("x-qonto-idempotency-key", key.as_str())
        );
        assert_eq!(ProviderKey::<Stripe>::of(of_generation(0)).header_name(), "idempotency-key");
    }

    #[test]
    fn a_header_value_is_the_keys_text_as_http_takes_it() {
        fn check<P: Provider>() {
            for generation in 0..100 {
                let key = ProviderKey::<P>::of(of_generation(generation));
                let value = key.header_value();
                assert_eq!(HeaderValue::from_bytes(key.as_str().as_bytes()).unwrap(), value);
                assert_eq!(value.to_str().unwrap(), key.as_str());
                assert_eq!(key.header(), (key.header_name(), value));
            }
        }
        check::<AnyProvider>();
        check::<Stripe>();
        check::<Shortest>();
        check::<Numbers>();
        check::<Letters>();
    }

    #[test]
    fn a_header_value_is_shown_in_logs_to_find_the_call_by() {
        let key = ProviderKey::<AnyProvider>::of(of_generation(0));
        let value = key.header_value();
        assert!(!value.is_sensitive());
        assert_eq!(format!("{value:?}"), format!("{:?}", key.as_str()));
    }
}
