use std::fmt;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// A duration as an option can hold it: whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(pub(crate) u64);

impl Millis {
    const DAY: u64 = 24 * 3_600_000;
    /// 365 days.
    pub(crate) const YEAR: u64 = 365 * Self::DAY;

    /// Reads `500ms`, `30s`, `2m`, `1h`, `7d` or `1y`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(format!("`{text}` does not start with a whole number"));
        }
        let number: u64 = number.parse().map_err(|_| format!("`{number}` is too large"))?;
        let ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => Self::DAY,
            "y" => Self::YEAR,
            "" => return Err(format!("`{text}` has no unit")),
            _ => return Err(format!("`{unit}` is not a unit")),
        };
        number.checked_mul(ms).map(Self).ok_or(format!("`{text}` is too large"))
    }
}

/// In the largest unit that shows it exactly.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = [("y", Self::YEAR), ("d", Self::DAY)]
            .into_iter()
            .chain([("h", 3_600_000), ("m", 60_000), ("s", 1_000)])
            .find(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size))
            .unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}

impl ToTokens for Millis {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let ms = self.0;
        tokens.extend(quote!(__orch::Duration::from_millis(#ms)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        assert_eq!(Millis::read("500ms"), Ok(Millis(500)));
        assert_eq!(Millis::read("30s"), Ok(Millis(30_000)));
        assert_eq!(Millis::read("2m"), Ok(Millis(120_000)));
        assert_eq!(Millis::read("1h"), Ok(Millis(3_600_000)));
        assert_eq!(Millis::read("7d"), Ok(Millis(7 * 86_400_000)));
        assert_eq!(Millis::read("1y"), Ok(Millis(365 * 86_400_000)));
        assert_eq!(Millis::read("0s"), Ok(Millis(0)));
    }

    #[test]
    fn what_is_no_duration_says_why() {
        let refused = |text| Millis::read(text).unwrap_err();
        assert_eq!(refused(""), "`` does not start with a whole number");
        assert_eq!(refused("-1s"), "`-1s` does not start with a whole number");
        assert_eq!(refused("30"), "`30` has no unit");
        assert_eq!(refused("30 s"), "` s` is not a unit");
        assert_eq!(refused("1.5s"), "`.5s` is not a unit");
        assert_eq!(refused("30sec"), "`sec` is not a unit");
        assert_eq!(refused("3w"), "`w` is not a unit");
        assert_eq!(refused("99999999999999999999s"), "`99999999999999999999` is too large");
        assert_eq!(refused("18446744073709551615h"), "`18446744073709551615h` is too large");
    }

    #[test]
    fn a_duration_is_shown_as_people_write_it() {
        for text in ["500ms", "30s", "5m", "2h", "90s", "0ms", "7d", "50y", "36h"] {
            assert_eq!(Millis::read(text).map(|read| read.to_string()), Ok(text.to_owned()));
        }
    }
}
