use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Invalid;

/// The largest payload that is accepted unless configured otherwise: 1 MiB.
pub const DEFAULT_PAYLOAD_LIMIT: usize = 1024 * 1024;

/// An encoded body or output: opaque bytes, kept exactly. `Debug` prints only the size, since
/// a payload may hold secrets. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Payload(Arc<[u8]>);

impl Payload {
    /// Takes bytes as they are.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// Writes a value as JSON with the keys of every object sorted, so that equal values have
    /// equal bytes, whatever order a map iterates in.
    ///
    /// # Errors
    /// [`Invalid::NotEncodable`] if the value has no JSON form, such as a map with keys that
    /// are not text.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, Invalid> {
        Self::of_tree(&Self::tree(value)?)
    }

    /// [`Payload::json`] together with the fingerprint that leaves out the named top-level
    /// fields.
    ///
    /// # Errors
    /// As [`Payload::json`].
    pub fn json_without<T: Serialize + ?Sized>(
        value: &T,
        ignored: &[&str],
    ) -> Result<(Self, Fingerprint), Invalid> {
        let mut tree = Self::tree(value)?;
        let payload = Self::of_tree(&tree)?;
        if ignored.is_empty() {
            let fingerprint = Fingerprint::of(&payload);
            return Ok((payload, fingerprint));
        }
        if let Some(fields) = tree.as_object_mut() {
            fields.retain(|name, _| !ignored.contains(&name.as_str()));
        }
        let rest = Self::of_tree(&tree)?;
        Ok((payload, Fingerprint::of(&rest)))
    }

    /// The value with the keys of every object sorted.
    fn tree<T: Serialize + ?Sized>(value: &T) -> Result<serde_json::Value, Invalid> {
        let mut tree = serde_json::to_value(value).map_err(not_encodable)?;
        tree.sort_all_objects();
        Ok(tree)
    }

    fn of_tree(tree: &serde_json::Value) -> Result<Self, Invalid> {
        Ok(Self::new(serde_json::to_vec(tree).map_err(not_encodable)?))
    }

    /// Reads the bytes as JSON.
    ///
    /// # Errors
    /// [`Undecodable`], with the kind of mistake and its position. The decoder's own text is not
    /// passed on: it quotes the value that it could not decode.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Undecodable> {
        serde_json::from_slice(&self.0).map_err(|e| Undecodable {
            mistake: match e.classify() {
                serde_json::error::Category::Data => "a value does not fit the type",
                serde_json::error::Category::Syntax => "the text is not JSON",
                serde_json::error::Category::Eof => "the text ends too early",
                serde_json::error::Category::Io => "the text could not be read",
            },
            line: e.line(),
            column: e.column(),
        })
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The number of bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Refuses a payload beyond `limit` bytes.
    ///
    /// # Errors
    /// [`Invalid::PayloadTooLarge`].
    pub fn check_size(&self, limit: usize) -> Result<(), Invalid> {
        if self.size() > limit {
            return Err(Invalid::PayloadTooLarge { size: self.size(), limit });
        }
        Ok(())
    }
}

fn not_encodable(error: serde_json::Error) -> Invalid {
    Invalid::NotEncodable { reason: error.to_string() }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.size())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<serde_json::Value> for Payload {
    /// JSON text with sorted keys.
    fn from(mut value: serde_json::Value) -> Self {
        value.sort_all_objects();
        Self::new(value.to_string().into_bytes())
    }
}

/// Stored bytes that are not the JSON of the type asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be decoded: {mistake}, line {line} column {column}")]
pub struct Undecodable {
    mistake: &'static str,
    line: usize,
    column: usize,
}

/// SHA-256 of the payload bytes, fields marked `idem_ignore` left out. The same identity with
/// another fingerprint is a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of these bytes.
    #[must_use]
    pub fn of(payload: &Payload) -> Self {
        Self(Sha256::digest(payload.as_bytes()).into())
    }

    /// The fingerprint that a store has kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes that a store keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    #[test]
    fn debug_prints_only_the_size() {
        assert_eq!(format!("{:?}", Payload::from("4242 4242")), "Payload(9 bytes)");
    }

    #[test]
    fn maps_of_any_order_have_one_fingerprint() {
        let pairs: Vec<_> = (0..50).map(|n| (format!("key-{n}"), n)).collect();
        let sorted: BTreeMap<_, _> = pairs.iter().cloned().collect();
        let hashed: HashMap<_, _> = pairs.into_iter().collect();
        assert_eq!(Payload::json(&sorted).unwrap(), Payload::json(&hashed).unwrap());
    }

    #[test]
    fn ignored_fields_change_the_payload_but_not_the_fingerprint() {
        let at = |time: u64| serde_json::json!({ "amount": 5, "sent_at": time });
        let (first, one) = Payload::json_without(&at(1), &["sent_at"]).unwrap();
        let (second, two) = Payload::json_without(&at(2), &["sent_at"]).unwrap();
        assert_ne!(first, second);
        assert_eq!(one, two);
        assert_ne!(one, Fingerprint::of(&first));
    }

    #[test]
    fn what_json_cannot_hold_is_refused() {
        let keyed_by_pair = HashMap::from([((1, 2), 3)]);
        assert!(matches!(Payload::json(&keyed_by_pair), Err(Invalid::NotEncodable { .. })));
    }

    #[test]
    fn size_is_checked_against_the_limit() {
        let payload = Payload::new(vec![0; 11]);
        assert!(payload.check_size(11).is_ok());
        assert_eq!(payload.check_size(10), Err(Invalid::PayloadTooLarge { size: 11, limit: 10 }));
    }

    #[test]
    fn a_decoding_error_says_where_but_not_what() {
        let error = Payload::from(r#""4242 4242""#).decode::<u64>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot be decoded: a value does not fit the type, line 1 column 11"
        );
    }

    #[test]
    fn nul_and_escapes_round_trip() {
        let text = "a\0b\u{1F600}\u{FFFF}";
        let back: String = Payload::json(text).unwrap().decode().unwrap();
        assert_eq!(back, text);
    }
}
