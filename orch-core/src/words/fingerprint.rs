use sha2::{Digest, Sha256};

use super::Payload;
use super::canonical::{Fields, canonical, fields, items, object};

/// SHA-256 of what a payload says, whatever the order of its keys and the spelling of its numbers:
/// of its canonical form, as in RFC 8785, with numbers by their exact decimal value. Of bytes that
/// are not JSON it is the bytes' own. The same identity with a payload that says something else is
/// a conflict.
///
/// It only spares the comparison: where a stored one differs, the two payloads are compared
/// ([`Meaning::same`]), so one of an earlier release or of an earlier form of the command is as
/// good.
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
    /// has the value then that it has by itself. `None` if this version cannot say all that the
    /// payload says.
    pub rewrite: fn(&Payload) -> Option<Payload>,
}

impl Meaning {
    /// Of a payload whose type is not known: all of it, as it is.
    pub const WHOLE: Self =
        Self { ignored: &[], sets: &[], rewrite: |payload| Some(payload.clone()) };

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

    /// True if a stored payload says the same as one that this version has written.
    #[must_use]
    pub fn same(&self, ours: &Payload, stored: &Payload) -> bool {
        let fingerprint = self.fingerprint(ours);
        if self.fingerprint(stored) == fingerprint {
            return true;
        }
        // Not every decoder tells what it passes over or rounds.
        (self.rewrite)(stored).is_some_and(|rewritten| {
            self.fingerprint(&rewritten) == fingerprint && self.keeps_all(stored, &rewritten)
        })
    }

    /// True if all that a payload says is in its rewritten form, where more may be said.
    fn keeps_all(&self, stored: &Payload, rewritten: &Payload) -> bool {
        let object_of = |payload| self.fields(payload).map(|fields| object(&fields));
        let (stored, rewritten) = (object_of(stored), object_of(rewritten));
        stored.zip(rewritten).is_some_and(|(stored, rewritten)| keeps(&stored, &rewritten))
    }

    /// The top-level fields in which two JSON objects differ: names only, a value may be a secret.
    /// Empty if one of them is no object.
    #[must_use]
    pub fn differing_fields(&self, ours: &Payload, theirs: &Payload) -> Vec<String> {
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
