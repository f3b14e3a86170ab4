use std::fmt::Write;

use serde_json::{Map, Value};

/// What a measurement found, in the order in which a person reads it: a table, and a JSON
/// object with the same names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figures {
    title: String,
    fields: Vec<(String, Value)>,
    stages: Vec<Figures>,
}

impl Figures {
    /// No figures yet, under this title.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// A figure. Numbers are kept to four significant digits behind the point: more is noise.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.push((name.to_owned(), rounded(value.into())));
        self
    }

    /// A figure that is only sometimes there.
    pub(crate) fn with_some<V: Into<Value>>(self, name: &str, value: Option<V>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The percentiles of a measured time, in milliseconds.
    pub(crate) fn with_percentiles(self, prefix: &str, mut times_ms: Vec<f64>) -> Self {
        times_ms.sort_by(f64::total_cmp);
        [("p50_ms", 0.50), ("p95_ms", 0.95), ("p99_ms", 0.99)].into_iter().fold(
            self,
            |figures, (name, share)| {
                figures.with_some(&format!("{prefix}{name}"), percentile(&times_ms, share))
            },
        )
    }

    /// Figures of one stage of a longer measurement.
    pub(crate) fn with_stage(mut self, stage: Self) -> Self {
        self.stages.push(stage);
        self
    }

    /// One number, if it is there.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.fields.iter().find(|(given, _)| given == name)?.1.as_f64()
    }

    /// For a person.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for stage in &self.stages {
            table.push_str(&stage.table());
        }
        if !self.title.is_empty() {
            let _ = writeln!(table, "{}", self.title);
        }
        for (name, value) in &self.fields {
            let _ = writeln!(table, "  {:<44} {:>14}", name.replace('_', " "), readable(value));
        }
        table
    }

    /// For a program, on one line.
    pub(crate) fn json(&self) -> Value {
        let mut object: Map<_, _> = self.fields.iter().cloned().collect();
        if !self.stages.is_empty() {
            object.insert("stages".into(), self.stages.iter().map(Self::json).collect());
        }
        Value::Object(object)
    }
}

/// The value below which this share of the sorted values lies.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small index")]
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 values")]
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().checked_sub(1)?)).copied()
}

fn rounded(value: Value) -> Value {
    match &value {
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(number) => Value::from((number * 1e4).round() / 1e4),
            None => value,
        },
        _ => value,
    }
}

/// `1234567.891` as `1,234,568`; small numbers keep their digits.
fn readable(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(number) if number.abs() >= 100.0 || number.fract() == 0.0 => {
                grouped(&format!("{number:.0}"))
            }
            Some(number) => format!("{number:.3}"),
            None => number.to_string(),
        },
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len() - place;
        if place > 0 && left.is_multiple_of(3) && digits.as_bytes()[place - 1].is_ascii_digit() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_json_say_the_same() {
        let figures = Figures::new("drain on memory:")
            .with("operations", 20_000)
            .with("ops_per_second", 12_345.678_949)
            .with_some("commits_per_operation", None::<f64>);
        assert_eq!(
            figures.json().to_string(),
            r#"{"operations":20000,"ops_per_second":12345.6789}"#
        );
        let table = figures.table();
        assert!(table.starts_with("drain on memory:\n"), "{table}");
        assert!(table.contains("ops per second") && table.contains(" 12,346\n"), "{table}");
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times = (1..=100).rev().map(f64::from).collect();
        let figures = Figures::default().with_percentiles("claim_", times);
        assert_eq!(
            figures.json().to_string(),
            r#"{"claim_p50_ms":51.0,"claim_p95_ms":96.0,"claim_p99_ms":100.0}"#
        );
        let nothing = Figures::default().with_percentiles("", Vec::new());
        assert_eq!(nothing, Figures::default());
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped("1"), "1");
        assert_eq!(grouped("-1234"), "-1,234");
        assert_eq!(grouped("1234567"), "1,234,567");
    }
}
