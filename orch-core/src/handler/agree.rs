use crate::provider::Message;

/// Stops the build unless what a handler declares is what its command is bound to. Only called
/// while constants are evaluated.
#[track_caller]
pub(super) const fn agree(option: &str, bound: &str, declared: &str) {
    if !equal(bound, declared) {
        let message = Message::EMPTY
            .with("this handler says `")
            .with(option)
            .with(" = \"")
            .with(declared)
            .with("\"`, its command is bound to \"")
            .with(bound)
            .with("\"\nnote: what is accepted under one name would never be run under the other")
            .with("\nhelp: write `")
            .with(option)
            .with(" = \"")
            .with(bound)
            .with("\"` here, or change `#[command(…)]` of the command");
        panic!("{}", message.as_str());
    }
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_agree() {
        agree("domain", "PAYMENT", "PAYMENT");
        assert!(equal("", "") && !equal("A", "B") && !equal("A", "AB"));
    }

    #[test]
    #[should_panic(
        expected = "this handler says `event = \"REFUND\"`, its command is bound to \"CHARGE\""
    )]
    fn different_names_are_both_named() {
        agree("event", "CHARGE", "REFUND");
    }
}
