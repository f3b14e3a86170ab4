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

/// Text put together in a constant. Names have at most 50 bytes, so the room is ample; what
/// does not fit is left out whole.
struct Message {
    bytes: [u8; 512],
    length: usize,
}

impl Message {
    const EMPTY: Self = Self { bytes: [0; 512], length: 0 };

    const fn with(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        if self.length + text.len() <= self.bytes.len() {
            let mut at = 0;
            while at < text.len() {
                self.bytes[self.length + at] = text[at];
                at += 1;
            }
            self.length += text.len();
        }
        self
    }

    const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "the handler and its command disagree",
        }
    }
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

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let message = Message::EMPTY.with(&"x".repeat(500)).with(&"y".repeat(50)).with("z");
        assert!(message.as_str().ends_with("xz"));
    }
}
