use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::digest::{Difference, difference};
use super::{Invalid, storable};

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

    /// Writes a value as JSON, straight from its type: no number is rounded on the way, and what
    /// `serde_json`'s features say of numbers does not matter.
    ///
    /// # Errors
    /// [`Invalid::NotEncodable`] if the value has no JSON form, such as a map with keys that
    /// are not text.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, Invalid> {
        serde_json::to_vec(value).map(Self::from).map_err(|e| not_encodable(&e))
    }

    /// [`Payload::json`], read back once: what this returns says all that the value says.
    ///
    /// # Errors
    /// [`Invalid::NotEncodable`], and [`Invalid::NotReadBack`] if the text is not the value any
    /// more, such as a NaN, which JSON does not have, or `Some(None)`, which is written as `None`.
    pub fn json_checked<T: Serialize + DeserializeOwned>(value: &T) -> Result<Self, Invalid> {
        let payload = Self::json(value)?;
        payload.check_reads_back_as(value)?;
        Ok(payload)
    }

    /// As much of a value as can be written as JSON: for an operator, where
    /// [`Payload::json`] refuses it.
    #[must_use]
    pub fn json_in_part<T: Serialize + ?Sized>(value: &T) -> Self {
        let mut text = Vec::new();
        let _ = serde_json::to_writer(&mut text, value);
        Self::from(text)
    }

    /// Compares what these bytes are read as with the value that they were written from.
    ///
    /// # Errors
    /// [`Invalid::NotReadBack`], with the place of the first difference.
    pub fn check_reads_back_as<T>(&self, value: &T) -> Result<(), Invalid>
    where
        T: Serialize + DeserializeOwned,
    {
        let not_read_back = |reason: String| Invalid::NotReadBack { reason };
        let back: T = self.decode().map_err(|e| not_read_back(e.to_string()))?;
        match difference(value, &back) {
            None => Ok(()),
            Some(Difference::In(field)) => {
                Err(not_read_back(format!("`{field}` is read as another value")))
            }
            Some(Difference::Somewhere) => {
                Err(not_read_back("it is read as another value".to_owned()))
            }
        }
    }

    /// Reads the bytes as JSON. Fields that the type does not have are passed over.
    ///
    /// # Errors
    /// [`Undecodable`], with the kind of mistake and its position. The decoder's own text is not
    /// passed on: it quotes the value that it could not decode.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Undecodable> {
        serde_json::from_slice(&self.0).map_err(|e| self.undecodable::<T>(&e))
    }

    /// Reads the bytes as JSON, all of them: a field that the type does not have is a mistake,
    /// unless it is null and says nothing. Below `#[serde(flatten)]` and in a tagged or untagged enum
    /// serde does not tell of such a field, and it is passed over.
    ///
    /// # Errors
    /// [`Undecodable`], as [`Payload::decode`].
    pub fn decode_whole<T: Serialize + DeserializeOwned>(&self) -> Result<T, Undecodable> {
        let mut unknown: Vec<Vec<String>> = Vec::new();
        let mut decoder = serde_json::Deserializer::from_slice(&self.0);
        let value: T = serde_ignored::deserialize(&mut decoder, |path| unknown.push(steps(&path)))
            .and_then(|value| decoder.end().map(|()| value))
            .map_err(|e| self.undecodable::<T>(&e))?;
        if unknown.is_empty() {
            return Ok(value);
        }
        // What this version writes itself it has, also where it does not read it, such as a tag.
        let given: Value = self.decode()?;
        let ours = serde_json::to_value(&value).unwrap_or_default();
        let is_missing = |path: &&Vec<String>| {
            let said = found(&given, path);
            said != Some(&Value::Null) && said != found(&ours, path)
        };
        match unknown.iter().find(is_missing) {
            None => Ok(value),
            Some(path) => Err(Undecodable {
                mistake: "this version does not have the field",
                place: Place::Field(path.first().map(|name| storable(name)).unwrap_or_default()),
            }),
        }
    }

    fn undecodable<T: DeserializeOwned>(&self, error: &serde_json::Error) -> Undecodable {
        let mistake = match error.classify() {
            serde_json::error::Category::Data => "a value does not fit the type",
            // The text of this error has no value in it, and there is no other way to tell.
            serde_json::error::Category::Syntax
                if error.to_string().starts_with("recursion limit") =>
            {
                "it is nested deeper than 127 levels"
            }
            serde_json::error::Category::Syntax => "the text is not JSON",
            serde_json::error::Category::Eof => "the text ends too early",
            serde_json::error::Category::Io => "the text could not be read",
        };
        let place = self
            .field_in_error::<T>()
            .map_or(Place::At { line: error.line(), column: error.column() }, Place::Field);
        Undecodable { mistake, place }
    }

    /// The top-level field whose value does not fit, if the bytes are an object. Deeper names may
    /// be keys of a map, and a key may be a secret.
    fn field_in_error<T: DeserializeOwned>(&self) -> Option<String> {
        let mut decoder = serde_json::Deserializer::from_slice(&self.0);
        let error = serde_path_to_error::deserialize::<_, T>(&mut decoder).err()?;
        match error.path().iter().next()? {
            serde_path_to_error::Segment::Map { key } => Some(storable(key)),
            _ => None,
        }
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

/// From the outermost value inwards.
fn steps(path: &serde_ignored::Path<'_>) -> Vec<String> {
    use serde_ignored::Path;
    let (parent, step) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(index.to_string())),
        Path::Map { parent, key } => (parent, Some(key.clone())),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => (parent, None),
    };
    let mut steps = steps(parent);
    steps.extend(step);
    steps
}

/// What is at the end of this path. It does not name the variants of an enum, which JSON has as objects
/// of one key.
fn found<'a>(whole: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(whole, |at, step| match at {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        Value::Object(fields) if fields.len() == 1 && !fields.contains_key(step) => {
            fields.values().next()?.get(step)
        }
        at => at.get(step),
    })
}

fn not_encodable(error: &serde_json::Error) -> Invalid {
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

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::new(value.to_string().into_bytes())
    }
}

/// Stored bytes that are not the JSON of the type asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be decoded: {mistake}, {place}")]
pub struct Undecodable {
    mistake: &'static str,
    place: Place,
}

/// Where in the bytes: a name or a position, never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// In this top-level field.
    Field(String),
    /// At this place of the text.
    At { line: usize, column: usize },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "`{name}`"),
            Self::At { line, column } => write!(f, "line {line} column {column}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn debug_prints_only_the_size() {
        assert_eq!(format!("{:?}", Payload::from("4242 4242")), "Payload(9 bytes)");
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
