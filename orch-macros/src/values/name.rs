const LIMIT: usize = 50;

/// Checks a domain or event type: capital words joined by dots, at most 50 characters.
pub(crate) fn name(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        return Err("it is blank".to_owned());
    }
    if length > LIMIT {
        return Err(format!("it has {length} characters, and {LIMIT} are the limit"));
    }
    if text.split('.').all(is_word) { Ok(()) } else { Err(ill_formed(text)) }
}

/// `[A-Z][A-Z0-9_]*`
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn ill_formed(text: &str) -> String {
    let stray = text
        .chars()
        .find(|c| !(c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | '.')));
    match stray {
        Some(stray) => format!("`{}` is not allowed in it", stray.escape_debug()),
        None => "each of its words must start with a capital letter".to_owned(),
    }
}

/// What the text might have meant, as a legal name.
pub(crate) fn corrected(text: &str) -> Option<String> {
    let upper: String = text
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_uppercase() } else { '_' })
        .collect();
    name(&upper).is_ok().then_some(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_names_pass() {
        for good in ["PAYMENT", "A", "A1_B", "PAYMENT.CARD", &"A".repeat(50)] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn illegal_names_say_what_is_wrong() {
        assert_eq!(name(" ").unwrap_err(), "it is blank");
        assert_eq!(name("payment").unwrap_err(), "`p` is not allowed in it");
        assert_eq!(name("PAY-MENT").unwrap_err(), "`-` is not allowed in it");
        assert_eq!(name("A..B").unwrap_err(), "each of its words must start with a capital letter");
        assert_eq!(name("1A").unwrap_err(), "each of its words must start with a capital letter");
        assert!(name(&"A".repeat(51)).unwrap_err().contains("51 characters"));
    }

    #[test]
    fn a_near_miss_is_corrected() {
        assert_eq!(corrected("payment").as_deref(), Some("PAYMENT"));
        assert_eq!(corrected("card-payment").as_deref(), Some("CARD_PAYMENT"));
        assert_eq!(corrected("1st"), None);
        assert_eq!(corrected(""), None);
    }
}
