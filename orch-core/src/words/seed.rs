use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Command, Invalid, OpId, Owner};

/// What makes the provider keys of one database unlike those of every other: 256 random bits.
///
/// The first migration writes one, so it is in every replica and back-up. A database that was lost
/// and is set up again gets another one, and a request that is repeated there is another call to
/// the provider. To keep the keys beyond the database, generate a namespace once, keep it where the
/// passwords are, and give it to every process with `Config::key_namespace`.
///
/// It is a secret: who knows it and an identity knows the key. Staging and production must not
/// share one.
///
/// ```
/// # use orch_core::words::KeyNamespace;
/// let text = "c0ffee00".repeat(8);
/// let namespace: KeyNamespace = text.parse()?;
/// assert_eq!(format!("{namespace:?}"), "KeyNamespace(..)");
/// # Ok::<_, orch_core::words::Invalid>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyNamespace([u8; 32]);

impl KeyNamespace {
    /// A new one, from the operating system's random source.
    #[must_use]
    pub fn generate() -> Self {
        // Each UUID has six bits that are not random.
        let random = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
        let hash = random.iter().fold(Sha256::new(), |hash, uuid| hash.chain_update(uuid));
        Self(hash.finalize().into())
    }

    /// The namespace of these bytes: random ones.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept as a secret.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 64 hexadecimal digits.
impl FromStr for KeyNamespace {
    type Err = Invalid;

    /// # Errors
    /// [`Invalid::IllFormed`] for anything else.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits =
            |place: usize| u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok();
        let mut bytes = [0; 32];
        let read = bytes
            .iter_mut()
            .enumerate()
            .all(|(place, byte)| digits(place).map(|digits| *byte = digits).is_some());
        let hex = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !read || !hex {
            return Err(Invalid::IllFormed {
                field: "key namespace",
                rule: "a key namespace is 64 hexadecimal digits",
                length: text.chars().count(),
            });
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for KeyNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyNamespace(..)")
    }
}

/// What the provider keys of one operation are derived from, and of every operation that is
/// accepted for the same identity: a repeated request is the same call, even where the database has
/// lost the first one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeySeed([u8; 16]);

impl KeySeed {
    /// The seed of an identity: HMAC-SHA-256 with the namespace, over the parts, each with its
    /// length before it, so that no two identities are one text. The first 128 bits of it.
    #[must_use]
    pub fn of(namespace: &KeyNamespace, owner: &Owner, command: &Command) -> Self {
        let parts = [
            owner.as_str(),
            command.domain().as_str(),
            command.event_type().as_str(),
            command.biz_key().as_str(),
            command.idem_key().as_str(),
        ];
        let parts = parts.map(str::as_bytes);
        Self(mac(namespace.as_bytes(), b"orch identity", &parts))
    }

    /// The seed of these bytes, as a store keeps it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes that a store keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for KeySeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySeed(..)")
    }
}

/// What decides the text of a provider key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySource {
    /// The operation.
    pub op_id: OpId,
    /// The seed of its identity; `None` if it was accepted by release 0.1.0, whose keys come from
    /// the id of the operation.
    pub seed: Option<KeySeed>,
    /// How many redrives of this identity came before.
    pub redrive: u32,
    /// How often the key was replaced.
    pub generation: u32,
}

impl KeySource {
    /// 128 bits that no other operation, redrive or generation has. A key that changed between
    /// releases would charge twice: neither way may ever change.
    #[must_use]
    pub fn bits(&self) -> [u8; 16] {
        let Self { op_id, seed, redrive, generation } = self;
        match seed {
            Some(KeySeed(seed)) => {
                let parts = [redrive.to_be_bytes(), generation.to_be_bytes()];
                mac(seed, b"orch provider key", &[&parts[0], &parts[1]])
            }
            None => of_op_id(*op_id, *generation),
        }
    }
}

/// The first 128 bits of HMAC-SHA-256 over a label and parts, each with its length before it.
fn mac(key: &[u8], label: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in std::iter::once(&label).chain(parts) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    half(&mac.finalize().into_bytes())
}

/// As release 0.1.0 derived it. The first generation is that of the time before there were several.
fn of_op_id(op_id: OpId, generation: u32) -> [u8; 16] {
    let mut hash =
        Sha256::new().chain_update(b"orch provider key\0").chain_update(op_id.as_bytes());
    if generation > 0 {
        hash.update(generation.to_be_bytes());
    }
    half(&hash.finalize())
}

fn half(hash: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const NAMESPACE: KeyNamespace = KeyNamespace::from_bytes([7; 32]);

    fn command(biz_key: &str, idem_key: &str, payload: &str) -> Command {
        Command::new("PAYMENT", "CHARGE", biz_key, idem_key, payload).unwrap()
    }

    fn source(seed: KeySeed) -> KeySource {
        KeySource { op_id: OpId::from_bytes([7; 16]), seed: Some(seed), redrive: 0, generation: 0 }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_derivation_never_changes() {
        // Written down, from Python's hmac: a key that changed between releases would charge twice.
        let seed = KeySeed::of(&NAMESPACE, &Owner::default(), &command("ORDER-1", "k", "{}"));
        assert_eq!(hex(seed.as_bytes()), "97c00ff3f836f87504ec8211ed4f91cc");
        assert_eq!(hex(&source(seed).bits()), "0f9af3e23f5c4822733911e3e84dcef7");
        assert_eq!(
            hex(&KeySource { redrive: 2, generation: 3, ..source(seed) }.bits()),
            "aef6d7cfc5a27d7f518ca479e387b8e1"
        );
    }

    #[test]
    fn the_same_identity_has_the_same_keys_whatever_its_id_and_body() {
        let seed =
            |payload| KeySeed::of(&NAMESPACE, &Owner::default(), &command("b", "i", payload));
        assert_eq!(seed("{}"), seed(r#"{"amount":5}"#));
        let bits = |op_id| KeySource { op_id, ..source(seed("{}")) }.bits();
        assert_eq!(bits(OpId::generate()), bits(OpId::generate()));
    }

    #[test]
    fn namespaces_redrives_and_generations_have_other_keys() {
        let of = |namespace| KeySeed::of(&namespace, &Owner::default(), &command("b", "i", "{}"));
        let (ours, theirs) = (of(NAMESPACE), of(KeyNamespace::generate()));
        let sources = [source(ours), source(theirs)].into_iter().flat_map(|source| {
            (0..10).flat_map(move |redrive| {
                (0..10).map(move |generation| KeySource { redrive, generation, ..source })
            })
        });
        let keys: HashSet<_> = sources.map(|source| source.bits()).collect();
        assert_eq!(keys.len(), 200);
    }

    #[test]
    fn generated_namespaces_differ_and_are_not_shown() {
        assert_ne!(KeyNamespace::generate(), KeyNamespace::generate());
        assert!(!format!("{:?}", KeyNamespace::generate()).contains(char::is_numeric));
        let text = hex(NAMESPACE.as_bytes());
        assert_eq!(text.parse(), Ok(NAMESPACE));
        for wrong in ["", "07", &text[1..], &text.replace('7', "g"), &text.replacen("07", "+7", 1)]
        {
            assert!(wrong.parse::<KeyNamespace>().is_err(), "{wrong}");
        }
    }

    proptest! {
        /// A boundary that moves between two parts makes another identity.
        #[test]
        fn no_two_identities_have_one_seed(text in "[a-z]{2,40}", at in 1..40_usize, other in 1..40_usize) {
            let split = |at: usize| text.split_at(at.min(text.len() - 1));
            let seed = |(biz_key, idem_key)| {
                KeySeed::of(&NAMESPACE, &Owner::default(), &command(biz_key, idem_key, "{}"))
            };
            prop_assert_eq!(split(at) == split(other), seed(split(at)) == seed(split(other)));
        }
    }
}
