use serde::{Deserialize, Serialize};

use super::Invalid;
use super::spelling::checked_text;

/// The longest key, in characters.
const KEY_LIMIT: usize = 255;

/// The entity acted on, such as `ORDER-123`: 1–255 characters, not blank, without control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BizKey(String);

checked_text!(BizKey, "biz_key", check_key);

/// The client's key for one logical request: 1–255 characters, not blank, without control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdemKey(String);

checked_text!(IdemKey, "idem_key", check_key);

/// The tenant or principal that an operation belongs to; part of its identity. At most 255
/// characters, without control characters; the default is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner(String);

checked_text!(Owner, "owner", check_text);

fn check_key(field: &'static str, text: &str) -> Result<(), Invalid> {
    if text.trim().is_empty() { Err(Invalid::Blank { field }) } else { check_text(field, text) }
}

fn check_text(field: &'static str, text: &str) -> Result<(), Invalid> {
    let length = text.chars().count();
    if length > KEY_LIMIT {
        return Err(Invalid::TooLong { field, length, limit: KEY_LIMIT });
    }
    if text.chars().any(char::is_control) {
        // NUL among them, which Postgres cannot keep; line ends would forge log lines.
        let rule = "control characters, NUL among them, are not allowed in a key";
        return Err(Invalid::IllFormed { field, rule, length });
    }
    Ok(())
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
        assert!(Owner::new("a\nb").is_err() && BizKey::new("a\u{7f}b").is_err());
    }
}
