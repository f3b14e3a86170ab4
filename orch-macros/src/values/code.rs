use super::name::is_word;

const LIMIT: usize = 50;
/// The codes that orch itself writes; the same list is in `orch_core::words::code`.
const RESERVED: [&str; 4] =
    ["TIME_BUDGET_EXCEEDED", "ATTEMPTS_EXHAUSTED", "IN_DOUBT", "OUTPUT_NOT_ENCODABLE"];

/// Checks a failure code: one capital word, at most 50 characters, none of orch's own.
pub(crate) fn code(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        Err("it is blank".to_owned())
    } else if length > LIMIT {
        Err(format!("it has {length} characters, and {LIMIT} are the limit"))
    } else if !is_word(text) {
        Err("it is not one word of A-Z, 0-9 and _ that starts with a letter".to_owned())
    } else if RESERVED.contains(&text) {
        Err("orch itself writes this code, so a reader could not tell the two apart".to_owned())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_capital_word_passes() {
        for good in ["CARD_DECLINED", "A", "E404"] {
            assert_eq!(code(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in ["", " ", "card", "A.B", "A B", "4A", "_A", "IN_DOUBT", &"A".repeat(51)] {
            assert!(code(bad).is_err(), "{bad}");
        }
    }
}
