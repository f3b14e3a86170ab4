use super::{Provider, ProviderKey};

/// Why a text is no domain of a `Message-ID`.
///
/// It names the rule and never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDomain {
    /// It has no character, or more than 253.
    #[error("the domain of a Message-ID has {length} characters; it must have 1 to 253")]
    Length {
        /// Bytes given.
        length: usize,
    },
    /// One of its labels is empty, too long, or has other characters.
    #[error(
        "a label of the domain of a Message-ID is ill-formed: it must have 1 to 63 letters, digits and \
         hyphens, no hyphen first or last; write an international name in its xn-- form"
    )]
    Label,
}

/// The `Message-ID` of the mail that this call sends, in angle brackets; the same for every attempt of an operation,
/// unless its contract replays errors and the key changes after one.
///
/// A `Message-ID` is for ever one mail (RFC 5322 §3.6.4): it is what the log of a mail server names, what a
/// mailbox can be searched for, and what a receiver that drops duplicates goes by. A server does not: a
/// second mail with the same one is delivered.
///
/// `domain` is one of yours. A key whose characters may not stand there as they are, which needs a contract with
/// an unusual `KEY_FORM`, is written in hexadecimal.
///
/// ```
/// # fn shown(key: &orch::ProviderKey) -> Result<(), orch::mail::InvalidDomain> {
/// let id = orch::mail::message_id(key, "shop.example")?;
/// // <e14da119-7c59-8df6-a8c1-099358a4b00b@shop.example>
/// assert!(id.ends_with("@shop.example>"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`InvalidDomain`].
pub fn message_id<P: Provider>(
    key: &ProviderKey<P>,
    domain: &str,
) -> Result<String, InvalidDomain> {
    check(domain)?;
    Ok(format!("<{}@{domain}>", left_side(key.as_str())))
}

/// A domain as hosts have one (RFC 5321 §4.1.2, RFC 1035 §2.3.4).
fn check(domain: &str) -> Result<(), InvalidDomain> {
    if domain.is_empty() || domain.len() > 253 {
        return Err(InvalidDomain::Length { length: domain.len() });
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.split('.').all(is_label).then_some(()).ok_or(InvalidDomain::Label)
}

/// The key, where it is a `dot-atom-text` (RFC 5322 §3.2.3), without dots to be simple.
fn left_side(key: &str) -> String {
    let is_atext =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    if key.bytes().all(is_atext) {
        return key.to_owned();
    }
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{AnyProvider, KeyForm};
    use crate::words::{KeySource, OpId};

    enum Odd {}

    impl Provider for Odd {
        const NAME: &'static str = "odd";
        const KEY_FORM: KeyForm = KeyForm::up_to(20);
    }

    fn key<P: Provider>() -> ProviderKey<P> {
        let op_id = OpId::from_bytes([7; 16]);
        ProviderKey::of(KeySource { op_id, seed: None, redrive: 0, generation: 0 })
    }

    #[test]
    fn the_key_is_the_left_side() {
        let id = message_id(&key::<AnyProvider>(), "shop.example").unwrap();
        assert_eq!(id, "<e14da119-7c59-8df6-a8c1-099358a4b00b@shop.example>");
    }

    #[test]
    fn a_key_of_other_characters_is_written_in_hexadecimal() {
        let key = key::<Odd>();
        assert!(key.as_str().contains(['[', ';', '.', ']', '"', '@', '(']), "{key}");
        let id = message_id(&key, "shop.example").unwrap();
        let left = id.strip_prefix('<').unwrap().strip_suffix("@shop.example>").unwrap();
        assert!(left.len() == 40 && left.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }

    #[test]
    fn a_domain_is_one_that_a_host_could_have() {
        let longest =
            [["a"; 63].concat(), ["b"; 63].concat(), ["c"; 63].concat(), ["d"; 61].concat()];
        for domain in
            ["example", "a.b.c", "xn--bcher-kva.example", "1-2.example", &longest.join(".")]
        {
            assert!(message_id(&key::<AnyProvider>(), domain).is_ok(), "{domain}");
        }
        for domain in [
            "",
            " ",
            ".",
            "a..b",
            ".a",
            "a.",
            "-a.b",
            "a-.b",
            "a_b",
            "bücher.example",
            "a b",
            "a@b",
        ] {
            assert!(check(domain).is_err(), "{domain}");
        }
        for injected in
            ["a.example>\r\nBcc: x@y.example", "a.example>", "a.example\0", "[127.0.0.1]"]
        {
            assert_eq!(check(injected), Err(InvalidDomain::Label), "{injected:?}");
        }
        assert_eq!(check(&"a".repeat(64)), Err(InvalidDomain::Label));
        let long = format!("a.{}", longest.join("."));
        assert_eq!(check(&long), Err(InvalidDomain::Length { length: 255 }));
    }
}
