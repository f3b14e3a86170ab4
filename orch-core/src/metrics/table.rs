use ::metrics::Unit;

/// Something that orch measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Whether it counts or measures.
    pub kind: MetricKind,
    /// Its labels beside `domain` and `event`, each with all of its values.
    pub labels: &'static [(&'static str, &'static [&'static str])],
    /// What it says, in one sentence.
    pub says: &'static str,
}

/// How a metric is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// Durations in seconds.
    Histogram,
}

const SOURCES: (&str, &[&str]) = ("source", &["handler", "reconcile"]);

/// Operations accepted.
pub(super) const ACCEPTED: Metric = Metric {
    name: "orch_accepted_total",
    kind: MetricKind::Counter,
    labels: &[(
        "disposition",
        &["created", "replayed", "conflict", "taken", "other_version", "other_form"],
    )],
    says: "commands accepted, replayed or refused; inside the caller's own transaction, whether \
           it commits or not",
};
/// Operations claimed.
pub(super) const CLAIMED: Metric = Metric {
    name: "orch_claimed_total",
    kind: MetricKind::Counter,
    labels: &[("purpose", &["attempt", "reconcile"])],
    says: "operations claimed by a worker, for an attempt or to reconcile",
};
/// Attempts ended.
pub(super) const ATTEMPTS: Metric = Metric {
    name: "orch_attempts_total",
    kind: MetricKind::Counter,
    labels: &[
        SOURCES,
        (
            "outcome",
            &[
                "ok",
                "retry",
                "fail",
                "in_doubt",
                "not_happened",
                "unreadable",
                "still_running",
                "already_done",
                "submitted",
            ],
        ),
    ],
    says: "attempts and reconciles that ended in this process, by outcome",
};
/// Operations finished.
pub(super) const FINISHED: Metric = Metric {
    name: "orch_finished_total",
    kind: MetricKind::Counter,
    labels: &[("status", &["COMPLETED", "FAILED"])],
    says: "operations that became terminal, each counted once; one whose end was stored and the \
           reply lost is not counted",
};
/// Operations parked.
pub(super) const PARKED: Metric = Metric {
    name: "orch_parked_total",
    kind: MetricKind::Counter,
    labels: &[],
    says: "operations parked for an operator, without rows that cannot be decoded",
};
/// Stale writes.
pub(super) const STALE: Metric = Metric {
    name: "orch_stale_total",
    kind: MetricKind::Counter,
    labels: &[],
    says: "writes that were refused because another claim owns the operation, or it is finished",
};
/// Late answers.
pub(super) const LATE: Metric = Metric {
    name: "orch_late_outcomes_total",
    kind: MetricKind::Counter,
    labels: &[],
    says: "answers that came too late to have an effect; the history keeps them",
};
/// Divergences.
pub(super) const DIVERGENCES: Metric = Metric {
    name: "orch_divergences_total",
    kind: MetricKind::Counter,
    labels: &[],
    says: "answers that contradict the outcome of their operation: an operator has to check",
};
/// Failed finalize hooks.
pub(super) const HOOK_FAILURES: Metric = Metric {
    name: "orch_hook_failures_total",
    kind: MetricKind::Counter,
    labels: &[],
    says: "failed runs of a finalize hook; the Finalizer retries",
};
/// Operations that were given back.
pub(super) const UNHANDLED: Metric = Metric {
    name: "orch_unhandled_total",
    kind: MetricKind::Counter,
    labels: &[],
    says: "operations that this worker gave back because it cannot read or finish them",
};
/// Lost leases.
pub(super) const LEASES_LOST: Metric = Metric {
    name: "orch_leases_lost_total",
    kind: MetricKind::Counter,
    labels: &[],
    says: "leases that expired and were taken back by the Reaper of this process",
};
/// Refusals of the database.
pub(super) const REFUSED: Metric = Metric {
    name: "orch_refused_total",
    kind: MetricKind::Counter,
    labels: &[],
    says: "times that the database refused to let an operation be moved, leased or removed; it is \
           tried again",
};
/// From accept to the first claim.
pub(super) const START_DELAY: Metric = Metric {
    name: "orch_start_delay_seconds",
    kind: MetricKind::Histogram,
    labels: &[],
    says: "time from accept to the first claim, by the store's clock",
};
/// How long attempts take.
pub(super) const ATTEMPT_DURATION: Metric = Metric {
    name: "orch_attempt_duration_seconds",
    kind: MetricKind::Histogram,
    labels: &[SOURCES],
    says: "time that an attempt, or a reconcile, took",
};

/// All of them, in the order of the flow.
pub const ALL: [Metric; 14] = [
    ACCEPTED,
    CLAIMED,
    START_DELAY,
    ATTEMPTS,
    ATTEMPT_DURATION,
    FINISHED,
    PARKED,
    STALE,
    LATE,
    DIVERGENCES,
    HOOK_FAILURES,
    UNHANDLED,
    LEASES_LOST,
    REFUSED,
];

/// Tells the recorder what each name means.
pub fn describe() {
    for Metric { name, kind, says, .. } in ALL {
        match kind {
            MetricKind::Counter => ::metrics::describe_counter!(name, Unit::Count, says),
            MetricKind::Histogram => ::metrics::describe_histogram!(name, Unit::Seconds, says),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// The table of the documentation.
    fn table() -> String {
        let mut table = "| metric | kind | labels | says |\n|---|---|---|---|\n".to_owned();
        for Metric { name, kind, labels, says } in ALL {
            let kind = match kind {
                MetricKind::Counter => "counter",
                MetricKind::Histogram => "histogram",
            };
            let label = |(label, values): &(&str, &[&str])| {
                let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
                format!("; `{label}`: {}", values.join(", "))
            };
            let labels: String = labels.iter().map(label).collect();
            let labels = format!("`domain`, `event`{labels}");
            writeln!(table, "| `{name}` | {kind} | {labels} | {says} |").unwrap();
        }
        table
    }

    #[test]
    fn the_documentation_lists_them_all() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let module = std::fs::read_to_string(folder.join("src/metrics/mod.rs")).unwrap();
        let module: String = module
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
            .collect();
        let book = std::fs::read_to_string(folder.join("../docs/book/metrics.md")).unwrap();
        let table = table();
        assert!(module.contains(&table), "src/metrics/mod.rs lacks this table:\n{table}");
        assert!(book.contains(&table), "docs/book/metrics.md lacks this table:\n{table}");
    }

    #[test]
    fn names_are_distinct_and_say_their_kind() {
        for (n, metric) in ALL.iter().enumerate() {
            let ending = match metric.kind {
                MetricKind::Counter => "_total",
                MetricKind::Histogram => "_seconds",
            };
            assert!(metric.name.starts_with("orch_") && metric.name.ends_with(ending));
            assert!(ALL[..n].iter().all(|other| other.name != metric.name), "{}", metric.name);
        }
    }
}
