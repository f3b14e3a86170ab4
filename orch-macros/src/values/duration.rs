use std::time::Duration;

/// Reads `500ms`, `30s`, `2m` or `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
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
        "" => return Err(format!("`{text}` has no unit")),
        _ => return Err(format!("`{unit}` is not a unit")),
    };
    number.checked_mul(ms).map(Duration::from_millis).ok_or(format!("`{text}` is too large"))
}

/// The duration in the largest unit that shows it exactly.
pub(crate) fn shown(duration: Duration) -> String {
    let ms = duration.as_millis();
    let (unit, size) = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
        .into_iter()
        .find(|(_, size)| ms > 0 && ms.is_multiple_of(*size))
        .unwrap_or(("ms", 1));
    format!("{}{unit}", ms / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = |text| duration(text).map(|d| d.as_millis());
        assert_eq!(read("500ms"), Ok(500));
        assert_eq!(read("30s"), Ok(30_000));
        assert_eq!(read("2m"), Ok(120_000));
        assert_eq!(read("1h"), Ok(3_600_000));
        assert_eq!(read("0s"), Ok(0));
    }

    #[test]
    fn what_is_no_duration_says_why() {
        let refused = |text| duration(text).unwrap_err();
        assert_eq!(refused(""), "`` does not start with a whole number");
        assert_eq!(refused("-1s"), "`-1s` does not start with a whole number");
        assert_eq!(refused("30"), "`30` has no unit");
        assert_eq!(refused("30 s"), "` s` is not a unit");
        assert_eq!(refused("1.5s"), "`.5s` is not a unit");
        assert_eq!(refused("30sec"), "`sec` is not a unit");
        assert_eq!(refused("99999999999999999999s"), "`99999999999999999999` is too large");
        assert_eq!(refused("18446744073709551615h"), "`18446744073709551615h` is too large");
    }

    #[test]
    fn a_duration_is_shown_as_people_write_it() {
        for text in ["500ms", "30s", "5m", "2h", "90s", "0ms"] {
            assert_eq!(duration(text).map(shown), Ok(text.to_owned()));
        }
    }
}
