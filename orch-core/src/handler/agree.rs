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
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while let ([first, rest_of_a @ ..], [other, rest_of_b @ ..]) = (a, b)
        && *first == *other
    {
        (a, b) = (rest_of_a, rest_of_b);
    }
    a.is_empty() && b.is_empty()
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
