//! Metrics: what orch counts, for whoever installs a recorder.
//!
//! The crate `metrics` is a facade: nothing is kept, and counting costs nothing, unless the
//! program installs a recorder before it starts a runtime. Each metric has the labels `domain`
//! and `event` of the handler; none has a key, a payload or an error's text. Histograms are in
//! seconds. `docs/book/metrics.md` shows a recorder, and what to look at first.
//!
//! | metric | kind | labels | says |
//! |---|---|---|---|
//! | `orch_accepted_total` | counter | `domain`, `event`; `disposition`: `created`, `replayed`, `conflict` | commands handed in, by what became of them; inside a transaction of the caller's own, whether it commits or not |
//! | `orch_claimed_total` | counter | `domain`, `event`; `purpose`: `attempt`, `reconcile` | operations claimed by a worker, for an attempt or to reconcile |
//! | `orch_start_delay_seconds` | histogram | `domain`, `event` | time from accept to the first claim, by the store's clock |
//! | `orch_attempts_total` | counter | `domain`, `event`; `source`: `handler`, `reconcile`; `outcome`: `ok`, `retry`, `fail`, `in_doubt`, `not_happened` | attempts and reconciles that ended in this process, by how |
//! | `orch_attempt_duration_seconds` | histogram | `domain`, `event`; `source`: `handler`, `reconcile` | time that an attempt, or a reconcile, took |
//! | `orch_finished_total` | counter | `domain`, `event`; `status`: `COMPLETED`, `FAILED` | operations that came to their end; one that a worker and the Finalizer end in the same moment may count twice |
//! | `orch_parked_total` | counter | `domain`, `event` | operations that began to wait for a person, rows that cannot be decoded left out |
//! | `orch_stale_total` | counter | `domain`, `event` | writes that were refused because another claim owns the operation, or it is finished |
//! | `orch_late_outcomes_total` | counter | `domain`, `event` | answers that came too late to have an effect and are kept in the history |
//! | `orch_divergences_total` | counter | `domain`, `event` | answers that contradict the outcome of their operation: a person has to look |
//! | `orch_hook_failures_total` | counter | `domain`, `event` | runs of a finalize hook that failed; the Finalizer tries again |
//! | `orch_leases_lost_total` | counter | `domain`, `event` | leases that ran out and were taken back by the Reaper of this process |

mod meters;
mod table;

pub use meters::{Meters, MetersByKind};
pub use table::{ALL, Metric, MetricKind, describe};
