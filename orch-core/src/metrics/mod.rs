//! Metrics: what orch exports through the crate `metrics`.
//!
//! The crate `metrics` is a facade: nothing is kept, and counting costs almost nothing, unless the
//! program installs a recorder before it starts a runtime. Each metric has the labels `domain`
//! and `event` of the handler; none has a key, a payload or an error's text. Histograms are in
//! seconds. `docs/book/metrics.md` shows a recorder, and what to look at first.
//!
//! | metric | kind | labels | says |
//! |---|---|---|---|
//! | `orch_accepted_total` | counter | `domain`, `event`; `disposition`: `created`, `replayed`, `conflict`, `taken`, `other_version`, `other_form` | commands accepted, replayed or refused; inside the caller's own transaction, whether it commits or not |
//! | `orch_claimed_total` | counter | `domain`, `event`; `purpose`: `attempt`, `reconcile` | operations claimed by a worker, for an attempt or to reconcile |
//! | `orch_start_delay_seconds` | histogram | `domain`, `event` | time from accept to the first claim, by the store's clock |
//! | `orch_attempts_total` | counter | `domain`, `event`; `source`: `handler`, `reconcile`; `outcome`: `ok`, `retry`, `fail`, `in_doubt`, `not_happened`, `unreadable`, `still_running`, `already_done`, `submitted` | attempts and reconciles that ended in this process, by outcome |
//! | `orch_attempt_duration_seconds` | histogram | `domain`, `event`; `source`: `handler`, `reconcile` | time that an attempt, or a reconcile, took |
//! | `orch_finished_total` | counter | `domain`, `event`; `status`: `COMPLETED`, `FAILED` | operations that became terminal, each counted once; one whose end was stored and the reply lost is not counted |
//! | `orch_parked_total` | counter | `domain`, `event` | operations parked for an operator, without rows that cannot be decoded |
//! | `orch_stale_total` | counter | `domain`, `event` | writes that were refused because another claim owns the operation, or it is finished |
//! | `orch_late_outcomes_total` | counter | `domain`, `event` | answers that came too late to have an effect; the history keeps them |
//! | `orch_divergences_total` | counter | `domain`, `event` | answers that contradict the outcome of their operation: an operator has to check |
//! | `orch_hook_failures_total` | counter | `domain`, `event` | failed runs of a finalize hook; the Finalizer retries |
//! | `orch_unhandled_total` | counter | `domain`, `event` | operations that this worker gave back because it cannot read or finish them |
//! | `orch_leases_lost_total` | counter | `domain`, `event` | leases that expired and were taken back by the Reaper of this process |
//! | `orch_refused_total` | counter | `domain`, `event` | times that the database refused to let an operation be moved, leased or removed; it is tried again |

mod meters;
mod table;

pub use meters::{Became, Meters, MetersByKind};
pub use table::{ALL, Metric, MetricKind, describe};
