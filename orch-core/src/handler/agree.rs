use std::time::Duration;

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

/// Stops the build unless a timeout of the handler ends within the time budget that its command
/// is bound to. Only called while constants are evaluated.
#[track_caller]
pub(super) const fn fits(time_budget: Duration, option: &str, timeout: Duration) {
    if timeout.as_nanos() > time_budget.as_nanos() {
        let message = Message::EMPTY
            .with("`")
            .with(option)
            .with("` of ")
            .with_duration(timeout)
            .with(" is longer than the time budget of ")
            .with_duration(time_budget)
            .with(" that its command is bound to")
            .with("\nnote: the operation would be over before one such call could be")
            .with("\nhelp: write a shorter one, or a longer `time_budget` in `#[command(…)]`");
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
    fn a_timeout_may_take_the_whole_budget() {
        fits(Duration::from_secs(60), "attempt_timeout", Duration::from_secs(60));
    }

    #[test]
    #[should_panic(
        expected = "`attempt_timeout` of 2m is longer than the time budget of 1m that its command"
    )]
    fn a_timeout_beyond_the_budget_names_both() {
        fits(Duration::from_secs(60), "attempt_timeout", Duration::from_secs(120));
    }

    #[test]
    #[should_panic(
        expected = "this handler says `event = \"REFUND\"`, its command is bound to \"CHARGE\""
    )]
    fn different_names_are_both_named() {
        agree("event", "CHARGE", "REFUND");
    }
}
