/// Where a provider says what its contract holds, and when that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Published {
    /// The page, the specification or the document.
    pub at: &'static str,
    /// Year, month and day on which it was read.
    pub read: (u16, u8, u8),
}

impl Published {
    /// The page, and year, month and day on which it was read.
    #[must_use]
    pub const fn new(at: &'static str, read: (u16, u8, u8)) -> Self {
        Self { at, read }
    }

    /// True if it was read twelve months before `today` or earlier: pages change, so it is time for
    /// another look. `today` is year, month and day.
    #[must_use]
    pub fn is_due(&self, today: (u16, u8, u8)) -> bool {
        let (year, month, day) = self.read;
        (year.saturating_add(1), month, day) <= today
    }

    /// A place, and a date that a calendar may have.
    pub(super) const fn is_legal(&self) -> bool {
        let (year, month, day) = self.read;
        !self.at.is_empty() && year >= 2000 && month >= 1 && month <= 12 && day >= 1 && day <= 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_later_it_is_due() {
        let read = Published::new("docs.example.com/keys", (2026, 11, 28));
        for (today, due) in [
            ((2026, 11, 28), false),
            ((2027, 11, 27), false),
            ((2027, 11, 28), true),
            ((2027, 12, 1), true),
            ((2028, 1, 1), true),
        ] {
            assert_eq!(read.is_due(today), due, "{today:?}");
        }
    }

    #[test]
    fn a_date_that_no_calendar_has_is_not_legal() {
        assert!(Published::new("here", (2026, 11, 28)).is_legal());
        for wrong in [(1999, 1, 1), (2026, 0, 1), (2026, 13, 1), (2026, 1, 0), (2026, 1, 32)] {
            assert!(!Published::new("here", wrong).is_legal(), "{wrong:?}");
        }
        assert!(!Published::new("", (2026, 1, 1)).is_legal());
    }
}
