//! The version of a command's form, which its payload carries from version 2 on.

use super::canonical::fields;
use super::{Invalid, Payload, Undecodable};

/// The first key of a payload of version 2 or later. A payload without it is of version 1.
pub const VERSION_KEY: &str = "$version";

/// Why a stored command cannot be read by this version of its type. Each text goes on behind "the
/// payload".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotRead {
    /// The bytes are not the JSON of the type, or say more than it knows.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// A later version of the command has written it.
    #[error("is of version {found}, this program reads up to {known}")]
    Newer {
        /// The version of the payload.
        found: u64,
        /// The version of the type here.
        known: u32,
    },
    /// It is of an earlier version at which no upgrade begins.
    #[error("is of version {found}, from which no `upgrade` leads to version {known}")]
    NoUpgrade {
        /// The version of the payload.
        found: u64,
        /// The version of the type here.
        known: u32,
    },
    /// The upgrade from its version has returned an error.
    #[error("is of an earlier version, and the upgrade from version {from} refuses it: {reason}")]
    Refused {
        /// The version from which the upgrade leads.
        from: u32,
        /// What it said.
        reason: String,
    },
    /// Its decoder, or an upgrade, has panicked.
    #[error("cannot be decoded: that panics: {reason}")]
    Panics {
        /// What the panic said.
        reason: String,
    },
    /// It can be read, but not all that it says is still there when it is written again: only a
    /// comparison asks for that.
    #[error("is not the same when it is read and written again: {reason}")]
    NotKept {
        /// What is lost, without the content.
        reason: String,
    },
    /// It begins with `$version`, and that is no version.
    #[error("has a `$version` that is not a whole number from 1")]
    NoVersion,
}

/// How much of a stored command must be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// All fields must be known, as far as serde tells: to run it.
    Whole,
    /// Beyond that, all that it says must still be there when it is written again: to compare it.
    Kept,
}

impl Payload {
    /// The payload with this version as its first key; as it is for version 1. Put in as text, so
    /// that no number is touched.
    ///
    /// # Errors
    /// [`Invalid::NotEncodable`] if it has a field `$version` itself, or is no JSON object and so
    /// cannot carry a version.
    pub fn with_version(self, version: u32) -> Result<Self, Invalid> {
        let refused = |reason: &str| Err(Invalid::NotEncodable { reason: reason.to_owned() });
        let text = self.as_bytes();
        if text.first() == Some(&b'{') && names_version(text) {
            return refused(
                "`$version` is where orch keeps the version; give the field another name",
            );
        }
        if version <= 1 {
            return Ok(self);
        }
        let Some((b'{', rest)) = text.split_first() else {
            return refused("a command with a version is written as a JSON object");
        };
        let comma = if rest.first() == Some(&b'}') { "" } else { "," };
        let mut spliced = format!("{{\"{VERSION_KEY}\":{version}{comma}").into_bytes();
        spliced.extend_from_slice(rest);
        Ok(Self::from(spliced))
    }

    /// The version that the payload carries, 1 where it carries none, and the payload without it.
    ///
    /// # Errors
    /// [`CannotRead::NoVersion`] if `$version` is its first key and not a whole number from 1.
    pub fn version(&self) -> Result<(u64, Self), CannotRead> {
        let Some(value) = behind_key(self.as_bytes()) else { return Ok((1, self.clone())) };
        let (version, rest) = number(value).ok_or(CannotRead::NoVersion)?;
        let body = match rest.split_first() {
            Some((b',', rest)) => rest,
            Some((b'}', _)) => rest,
            _ => return Err(CannotRead::NoVersion),
        };
        Ok((version, Self::from([b"{", body].concat())))
    }
}

/// True if an object has the key at its top level.
fn names_version(text: &[u8]) -> bool {
    let quoted = format!("\"{VERSION_KEY}\"");
    // Most payloads are passed by this alone.
    text.windows(quoted.len()).any(|part| part == quoted.as_bytes())
        && fields(text, &[]).is_none_or(|all| all.iter().any(|(name, _)| name == VERSION_KEY))
}

/// What follows the key and its colon, if it is the first key of an object.
fn behind_key(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    let text = text.strip_prefix(b"\"")?.strip_prefix(VERSION_KEY.as_bytes())?;
    let text = text.strip_prefix(b"\"")?.trim_ascii_start();
    Some(text.strip_prefix(b":")?.trim_ascii_start())
}

/// The whole number from 1 at the beginning, and what follows it. What does not fit is the
/// largest: it is beyond every version all the same.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    if digits.first().is_none_or(|first| *first == b'0') {
        return None;
    }
    let digit =
        |number: u64, byte: &u8| number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    Some((digits.iter().fold(0, digit), rest.trim_ascii_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spliced(text: &str, version: u32) -> Result<String, Invalid> {
        let payload = Payload::from(text).with_version(version)?;
        Ok(String::from_utf8(payload.as_bytes().to_vec()).unwrap())
    }

    fn split(text: &str) -> Result<(u64, String), CannotRead> {
        let (version, body) = Payload::from(text).version()?;
        Ok((version, String::from_utf8(body.as_bytes().to_vec()).unwrap()))
    }

    #[test]
    fn a_version_is_put_in_as_text_and_taken_out_again() {
        for body in ["{}", r#"{"a":1}"#, r#"{"n":9007199254740993.10,"b":"$version"}"#] {
            for version in [2, 10, u32::MAX] {
                let text = spliced(body, version).unwrap();
                assert!(text.starts_with(&format!("{{\"$version\":{version}")), "{text}");
                assert_eq!(split(&text).unwrap(), (u64::from(version), body.to_owned()));
            }
        }
        assert_eq!(spliced(r#"{"a":1}"#, 2).unwrap(), r#"{"$version":2,"a":1}"#);
    }

    #[test]
    fn version_1_is_stored_as_ever() {
        for body in [r#"{"a":1}"#, "[1]", "null", "", r#"{"a":{"$version":2}}"#, "\"$version\""] {
            assert_eq!(spliced(body, 1).unwrap(), body);
            assert_eq!(split(body).unwrap(), (1, body.to_owned()));
        }
    }

    #[test]
    fn a_field_of_that_name_is_refused_at_the_top_level_only() {
        for version in [1, 2] {
            assert!(spliced(r#"{"a":1,"$version":"x"}"#, version).is_err());
            assert!(spliced(r#"{"$version":1,"$version":1}"#, version).is_err());
            assert!(spliced(r#"{"a":{"$version":2}}"#, version).is_ok());
        }
        assert!(spliced("[1]", 2).is_err(), "a list cannot carry it");
    }

    #[test]
    fn other_writers_may_use_white_space() {
        let (version, body) = split(" { \"$version\" : 3 , \"a\": 1 } ").unwrap();
        assert_eq!((version, body.as_str()), (3, "{ \"a\": 1 } "));
        assert_eq!(split("{\"$version\": 2 }").unwrap(), (2, "{}".to_owned()));
        assert_eq!(split(r#"{"$version":99999999999999999999,"a":1}"#).unwrap().0, u64::MAX);
    }

    #[test]
    fn what_is_no_version_is_said_to_be_none() {
        for value in ["0", "-1", "\"2\"", "null", "2.0", "02", "", "2e3"] {
            let text = format!("{{\"$version\":{value},\"a\":1}}");
            assert_eq!(split(&text), Err(CannotRead::NoVersion), "{text}");
        }
    }

    #[test]
    fn only_the_first_key_is_one() {
        let text = r#"{"a":1,"$version":2}"#;
        assert_eq!(split(text).unwrap(), (1, text.to_owned()));
    }
}
