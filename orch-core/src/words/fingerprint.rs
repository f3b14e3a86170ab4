use sha2::{Digest, Sha256};

use super::canonical::{Fields, canonical, fields, items, object};
use super::{CannotRead, Payload};

/// SHA-256 of what a payload says, whatever the order of its keys and the spelling of its numbers:
/// of its canonical form, as in RFC 8785, with numbers by their exact decimal value. Of bytes that
/// are not JSON it is the bytes' own. The same identity with a payload that says something else is
/// a conflict.
///
/// It only spares the comparison: where a stored one differs, the two payloads are compared
/// ([`Meaning::compare`]), so one of an earlier release or of an earlier form of the command is as
/// good. The version of the form is part of it: what the same fields mean is the version's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a payload as a whole.
    #[must_use]
    pub fn of(payload: &Payload) -> Self {
        Meaning::WHOLE.fingerprint(payload)
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

/// What a repeated request must say again: all that its payload says, except for what the command
/// declares.
#[derive(Debug, Clone, Copy)]
pub struct Meaning {
    /// The top-level fields that are left out.
    pub ignored: &'static [&'static str],
    /// The top-level fields that are sets: their order is left out.
    pub sets: &'static [&'static str],
    /// Writes a stored payload again, as this version of the command does: a field that came later
    /// has the value then that it has by itself, and an earlier form goes through its upgrades.
    /// An error if this version cannot say all that the payload says.
    pub rewrite: fn(&Payload) -> Result<Payload, CannotRead>,
}

/// What a payload says, compared with what was to be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Same,
    /// Something else.
    Differs {
        /// The top-level fields that differ; empty if one of the two is no JSON object.
        fields: Vec<String>,
    },
    /// This version of the command cannot tell.
    Unknown(CannotRead),
}

impl Meaning {
    /// Of a payload whose type is not known: all of it, as it is.
    pub const WHOLE: Self =
        Self { ignored: &[], sets: &[], rewrite: |payload| Ok(payload.clone()) };

    /// The fingerprint of a payload that this version has written.
    #[must_use]
    pub fn fingerprint(&self, payload: &Payload) -> Fingerprint {
        let text = payload.as_bytes();
        let form = match self.fields(payload) {
            Some(fields) => Some(object(&fields)),
            None => canonical(text),
        };
        Fingerprint(Sha256::digest(form.as_deref().unwrap_or(text)).into())
    }

    /// Compares a stored payload with one that this version has written.
    #[must_use]
    pub fn compare(&self, ours: &Payload, stored: &Payload) -> Comparison {
        let fingerprint = self.fingerprint(ours);
        if self.fingerprint(stored) == fingerprint {
            return Comparison::Same;
        }
        match (self.rewrite)(stored) {
            Ok(rewritten) if self.fingerprint(&rewritten) == fingerprint => Comparison::Same,
            Ok(rewritten) => {
                Comparison::Differs { fields: self.differing_fields(ours, &rewritten) }
            }
            Err(why) => Comparison::Unknown(why),
        }
    }

    /// Checks that all that a payload says is in its rewritten form, where more may be said: not
    /// every decoder tells what it passes over or rounds.
    ///
    /// # Errors
    /// [`CannotRead::NotKept`], naming the first top-level field that is not.
    pub fn check_kept(&self, stored: &Payload, rewritten: &Payload) -> Result<(), CannotRead> {
        let not_kept = |reason| Err(CannotRead::NotKept { reason });
        let (stored, rewritten) = match (self.fields(stored), self.fields(rewritten)) {
            (Some(stored), Some(rewritten)) => (stored, rewritten),
            (None, None) if keeps_whole(stored, rewritten) => return Ok(()),
            _ => return not_kept("it is another value".to_owned()),
        };
        let lost = stored.iter().find(|(name, value)| {
            let theirs = rewritten.iter().find(|(other, _)| other == name);
            value != b"null" && !theirs.is_some_and(|(_, theirs)| keeps(value, theirs))
        });
        match lost {
            None => Ok(()),
            Some((name, _)) => {
                not_kept(format!("`{}` is lost or another value", super::storable(name)))
            }
        }
    }

    /// The top-level fields in which two JSON objects differ: names only, a value may be a secret.
    fn differing_fields(&self, ours: &Payload, theirs: &Payload) -> Vec<String> {
        let (Some(ours), Some(theirs)) = (self.fields(ours), self.fields(theirs)) else {
            return Vec::new();
        };
        let missing = |field: &&(String, Vec<u8>), from: &Fields| !from.contains(field);
        let mut names: Vec<String> = ours
            .iter()
            .filter(|field| missing(field, &theirs))
            .chain(theirs.iter().filter(|field| missing(field, &ours)))
            .map(|(name, _)| super::storable(name))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn fields(&self, payload: &Payload) -> Option<Fields> {
        let mut fields = fields(payload.as_bytes(), self.sets)?;
        fields.retain(|(name, _)| !self.ignored.contains(&name.as_str()));
        Some(fields)
    }
}

/// True if a payload that is no JSON object says in its rewritten form what it said before.
fn keeps_whole(stored: &Payload, rewritten: &Payload) -> bool {
    let form = |payload: &Payload| canonical(payload.as_bytes());
    form(stored).zip(form(rewritten)).is_some_and(|(stored, theirs)| keeps(&stored, &theirs))
}

/// The same of two texts in canonical form. The order of a list may be another one: it may be a set.
fn keeps(stored: &[u8], rewritten: &[u8]) -> bool {
    if stored == rewritten {
        return true;
    }
    if let (Some(stored), Some(rewritten)) = (fields(stored, &[]), fields(rewritten, &[])) {
        return stored.iter().filter(|(_, value)| value != b"null").all(|(name, value)| {
            rewritten.iter().any(|(other, theirs)| other == name && keeps(value, theirs))
        });
    }
    let (Some(mut stored), Some(mut rewritten)) = (items(stored), items(rewritten)) else {
        return false;
    };
    let in_order = stored.iter().zip(&rewritten).all(|(stored, theirs)| keeps(stored, theirs));
    stored.sort_unstable();
    rewritten.sort_unstable();
    stored.len() == rewritten.len() && (in_order || stored == rewritten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rewritten_form_keeps() {
        for (stored, rewritten) in [
            (r#"{"a":1}"#, r#"{"a":1,"b":null,"c":5}"#),
            (r#"{"a":null}"#, "{}"),
            (r#"{"a":{"b":[1,{"c":2}]}}"#, r#"{"a":{"b":[1,{"c":2,"d":0}]}}"#),
            (r#"{"s":["x","y"]}"#, r#"{"s":["y","x"]}"#),
        ] {
            assert!(keeps(stored.as_bytes(), rewritten.as_bytes()), "{stored}");
        }
        for (stored, rewritten) in [
            (r#"{"a":1,"currency":"USD"}"#, r#"{"a":1}"#),
            (r#"{"a":9007199254740993}"#, r#"{"a":9007199254740992}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[1]}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[1,3]}"#),
            (r#"{"a":{"b":1}}"#, r#"{"a":{}}"#),
            (r#"{"a":{}}"#, r#"{"a":[]}"#),
        ] {
            assert!(!keeps(stored.as_bytes(), rewritten.as_bytes()), "{stored}");
        }
    }
}
