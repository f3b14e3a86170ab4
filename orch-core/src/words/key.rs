use serde::{Deserialize, Serialize};

use super::Invalid;

/// The longest key, in characters.
const KEY_LIMIT: usize = 255;

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $field:literal, blank: $blank:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes the key as it is: nothing is trimmed or folded.
            ///
            /// # Errors
            /// [`Invalid`] naming the rule: 255 characters at most, no control characters
            /// (NUL among them: no database keeps it), and not blank where the type says so.
            pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
                let text = text.into();
                let length = text.chars().count();
                if !$blank && text.trim().is_empty() {
                    return Err(Invalid::Blank { field: $field });
                }
                if length > KEY_LIMIT {
                    return Err(Invalid::TooLong { field: $field, length, limit: KEY_LIMIT });
                }
                if text.chars().any(char::is_control) {
                    return Err(Invalid::IllFormed {
                        field: $field,
                        rule: "control characters, NUL among them, are not allowed in a key",
                        length,
                    });
                }
                Ok(Self(text))
            }

            /// The key as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Invalid;
            fn try_from(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> Self {
                key.0
            }
        }
    };
}

key! {
    /// The entity acted on, such as `ORDER-123`: 1–255 characters, not blank.
    BizKey, "biz_key", blank: false
}

key! {
    /// The client's key for one logical request: 1–255 characters, not blank.
    IdemKey, "idem_key", blank: false
}

key! {
    /// The tenant or principal that an operation belongs to; part of its identity.
    /// At most 255 characters; the default is empty.
    #[derive(Default)]
    Owner, "owner", blank: true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_text_exactly() {
        for text in ["ORDER-123", " padded ", "주문-1", "👩‍🚀", &"x".repeat(255)] {
            assert_eq!(BizKey::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn the_limit_counts_characters_not_bytes() {
        assert!(IdemKey::new("주".repeat(255)).is_ok());
        assert_eq!(
            IdemKey::new("주".repeat(256)),
            Err(Invalid::TooLong { field: "idem_key", length: 256, limit: 255 })
        );
    }

    #[test]
    fn blank_is_refused_except_for_the_owner() {
        for blank in ["", " ", "\u{3000}"] {
            assert_eq!(BizKey::new(blank), Err(Invalid::Blank { field: "biz_key" }));
            assert_eq!(IdemKey::new(blank), Err(Invalid::Blank { field: "idem_key" }));
            assert!(Owner::new(blank).is_ok());
        }
    }

    #[test]
    fn control_characters_are_refused_by_rule_not_by_value() {
        let error = IdemKey::new("secret\0key").unwrap_err();
        assert!(matches!(error, Invalid::IllFormed { field: "idem_key", length: 10, .. }));
        assert!(!error.to_string().contains("secret"));
    }
}
