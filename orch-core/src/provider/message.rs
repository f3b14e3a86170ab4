use std::time::Duration;

/// Text put together in a constant, for a message of the compiler. Names have at most 50 bytes, so
/// the room is ample; what does not fit is left out whole.
pub(crate) struct Message {
    bytes: [u8; 768],
    length: usize,
}

impl Message {
    pub(crate) const EMPTY: Self = Self { bytes: [0; 768], length: 0 };

    pub(crate) const fn with(mut self, text: &str) -> Self {
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

    pub(crate) const fn with_number(self, number: u128) -> Self {
        let (mut digits, mut rest, mut at) = ([b'0'; 39], number, 39);
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        match std::str::from_utf8(digits.split_at(at).1) {
            Ok(digits) => self.with(digits),
            Err(_) => self,
        }
    }

    /// In the largest unit that shows it exactly, as people write it.
    pub(crate) const fn with_duration(self, duration: Duration) -> Self {
        let ms = duration.as_millis();
        let units: [(&str, u128); 4] =
            [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        let mut at = 0;
        while at < units.len() {
            let (unit, size) = units[at];
            // One day is 24h to everybody.
            let count = ms / size;
            if count > 0 && ms.is_multiple_of(size) && !(at == 0 && count == 1) {
                return self.with_number(count).with(unit);
            }
            at += 1;
        }
        self.with_number(ms).with("ms")
    }

    pub(crate) const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "what is declared here does not agree",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let message = Message::EMPTY.with(&"x".repeat(760)).with(&"y".repeat(50)).with("z");
        assert!(message.as_str().ends_with("xz"));
    }

    #[test]
    fn numbers_and_durations_read_as_people_write_them() {
        for (ms, text) in [
            (0, "0ms"),
            (1_500, "1500ms"),
            (330_000, "330s"),
            (300_000, "5m"),
            (86_400_000, "24h"),
            (172_800_000, "2d"),
            (u64::MAX, "18446744073709551615ms"),
        ] {
            let message = Message::EMPTY.with_duration(Duration::from_millis(ms));
            assert_eq!(message.as_str(), text);
        }
        assert_eq!(Message::EMPTY.with_number(u128::MAX).as_str(), u128::MAX.to_string());
    }
}
