use serde::{Deserialize, Serialize};

use super::Invalid;
use super::spelling::checked_text;

/// The longest domain or event type, in characters.
const NAME_LIMIT: usize = 50;
const NAME_RULE: &str = "use capital words joined by dots, such as PAYMENT or PAYMENT.CARD: \
                         each starts with A-Z and goes on with A-Z, 0-9 or _";

/// True for `^[A-Z][A-Z0-9_]*(\.[A-Z][A-Z0-9_]*)*$`.
fn is_name(text: &str) -> bool {
    text.split('.').all(|word| {
        word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

fn check_name(field: &'static str, text: &str) -> Result<(), Invalid> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        return Err(Invalid::Blank { field });
    }
    if length > NAME_LIMIT {
        return Err(Invalid::TooLong { field, length, limit: NAME_LIMIT });
    }
    if !is_name(text) {
        return Err(Invalid::IllFormed { field, rule: NAME_RULE, length });
    }
    Ok(())
}

/// The business domain of an operation, such as `PAYMENT`:
/// `^[A-Z][A-Z0-9_]*(\.[A-Z][A-Z0-9_]*)*$`, at most 50 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

checked_text!(Domain, "domain", check_name);

/// What is done in that domain, such as `CHARGE`: the rule is that of [`Domain`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(String);

checked_text!(EventType, "event_type", check_name);

/// A domain and an event type: what one handler takes. Prints as `PAYMENT/CHARGE`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Kind {
    /// The domain.
    pub domain: Domain,
    /// The event type.
    pub event_type: EventType,
}

impl Kind {
    /// Checks both names.
    ///
    /// # Errors
    /// [`Invalid`] naming the one that breaks its rule.
    pub fn new(domain: &str, event_type: &str) -> Result<Self, Invalid> {
        Ok(Self { domain: Domain::new(domain)?, event_type: EventType::new(event_type)? })
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.domain, self.event_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for good in ["PAYMENT", "A", "A1_B", "PAYMENT.CARD", "A.B.C", &"A".repeat(50)] {
            assert_eq!(Domain::new(good).unwrap().as_str(), good);
        }
        for bad in ["payment", "1A", "_A", "A-B", "A..B", ".A", "A.", "A B", "Ä", "A\0", "A.1"] {
            assert!(
                matches!(EventType::new(bad), Err(Invalid::IllFormed { field: "event_type", .. })),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn blank_and_over_long_names_say_so() {
        assert_eq!(Domain::new(" "), Err(Invalid::Blank { field: "domain" }));
        assert_eq!(
            Domain::new("A".repeat(51)),
            Err(Invalid::TooLong { field: "domain", length: 51, limit: 50 })
        );
    }
}
