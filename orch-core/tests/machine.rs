//! What holds for every row and every fact, whatever `step` says about them.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use orch_core::machine::{Answer, Ended, Entry, EntryWrite, Fact, Row, Step, step};
use orch_core::policies::InDoubt;
use orch_core::words::{ClaimId, Phase, Status, Timestamp};
use orch_testkit::agreement::{Generator, Kept};

/// Rows, each of which meets a fact of every sort.
const ROWS: usize = 4_000;
const LEASE: Duration = Duration::from_secs(30);

fn now() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

/// Calls `check` with generated rows and, for each, one fact of every sort.
fn every_fact(check: impl Fn(&Kept, Fact<'_>, &Step)) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut generator = Generator::new(seed, now());
    for _ in 0..ROWS {
        let kept = generator.kept();
        let row = &kept.row;
        let policy = generator.policy(row.policy.kind.clone());
        let (worker, resolution) = (generator.worker(), generator.resolution());
        let (fence, definite) = (generator.fence(row), fastrand::bool());
        let (end, reason) = (generator.end(definite), generator.release_reason());
        let logged = logged(&kept, fence);
        let (source, delay) = (generator.source(), generator.delay());
        let ended = Ended { fence, source, end: &end, delay, logged };
        let (even_if_uncertain, late_success) = (fastrand::bool(), fastrand::bool());
        let kinds = generator.some_kinds();
        for fact in [
            Fact::Claimed {
                policy: &policy,
                worker: &worker,
                id: ClaimId::generate(),
                lease: LEASE,
                whole_since: 2,
            },
            Fact::Renewed { fence, lease: LEASE },
            Fact::Released { fence, reason: &reason, logged },
            Fact::Logged(ended),
            Fact::Settled(ended),
            Fact::Finalized { fence, logged, has_hook: true },
            Fact::Finalized { fence, logged, has_hook: false },
            Fact::HookFailed { fence, logged, error: "closed", jitter: 0.5 },
            Fact::LeaseExpired { jitter: 0.5 },
            Fact::BudgetSpent { policy: Some(&policy), whole_since: 1 },
            Fact::HistoryLost { policy: &policy, whole_since: 2, copied: false },
            Fact::HistoryLost { policy: &policy, whole_since: 2, copied: true },
            Fact::Resolved {
                fence,
                logged,
                resolution: &resolution,
                note: "kim: seen",
                hooked_kinds: &kinds,
                whole_since: 2,
            },
            Fact::Redriven { even_if_uncertain, late_success },
            Fact::Undecodable { reason: "no digits" },
        ] {
            check(&kept, fact, &step(row, fact, now()));
        }
    }
}

fn logged(kept: &Kept, fence: orch_core::words::Fence) -> Option<&Entry> {
    kept.log.iter().find(|entry| entry.log.fence == fence && !entry.log.late)
}

/// What the schemas of the databases demand of a row, in their words.
fn breaks(row: &Row) -> Option<&'static str> {
    let in_progress = row.status == Status::InProgress;
    let terminal = row.status.is_terminal();
    let held = row.lease_expires_at.is_some();
    let claimable =
        row.status == Status::Pending || row.phase.is_some_and(|phase| phase != Phase::Running);
    let must_be_due = row.status == Status::Pending || row.phase == Some(Phase::Waiting);
    [
        ("phase_iff_in_progress", row.phase.is_some() == in_progress),
        ("finished_at_iff_terminal", row.finished_at.is_some() == terminal),
        ("outcome_iff_terminal", row.outcome.is_some() == terminal),
        ("expires_at_only_when_terminal", row.expires_at.is_none() || terminal),
        ("worker_iff_lease", row.worker.is_some() == held && row.started_at.is_some() == held),
        (
            "lease_only_when_held",
            !held || matches!(row.phase, Some(Phase::Running | Phase::InDoubt | Phase::Submitted)),
        ),
        ("due_only_when_claimable", row.due_at.is_none() || (!held && claimable)),
        (
            "submitted_is_not_run_again",
            row.phase != Some(Phase::Submitted)
                || row.policy.in_doubt == InDoubt::Reconcile
                || row.due_at.is_none_or(|due_at| due_at >= row.deadline),
        ),
        ("due_when_pending_or_waiting", row.due_at.is_some() || !must_be_due),
    ]
    .into_iter()
    .find_map(|(rule, holds)| (!holds).then_some(rule))
}

#[test]
fn every_row_is_one_that_the_schemas_take() {
    every_fact(|kept, fact, step| {
        assert_eq!(breaks(&kept.row), None, "generated: {:#?}", kept.row);
        assert_eq!(breaks(&step.row), None, "{fact:?} made {:#?} of {:#?}", step.row, kept.row);
    });
}

#[test]
fn a_terminal_row_never_changes() {
    every_fact(|kept, fact, step| {
        if kept.row.status.is_terminal() {
            assert_eq!(step.row, kept.row, "{fact:?}");
            assert_eq!(step.letter, None, "{fact:?}");
        }
    });
}

#[test]
fn the_status_moves_as_it_may() {
    every_fact(|kept, fact, step| {
        let (from, to) = (kept.row.status, step.row.status);
        let through_in_progress =
            matches!(fact, Fact::BudgetSpent { .. } | Fact::HistoryLost { .. })
                && (from, to) == (Status::Pending, Status::Failed);
        let legal = from == to || from.transition(to).is_ok() || through_in_progress;
        assert!(legal, "{fact:?}: {from} to {to}");
    });
}

#[test]
fn the_fence_grows_with_every_claim_and_take_over_and_never_falls() {
    every_fact(|kept, fact, step| {
        let (before, after) = (kept.row.fence, step.row.fence);
        assert!(after >= before, "{fact:?}");
        let takes_over = matches!(
            fact,
            Fact::Claimed { .. }
                | Fact::LeaseExpired { .. }
                | Fact::BudgetSpent { .. }
                | Fact::HistoryLost { .. }
                | Fact::Resolved { .. }
                | Fact::Undecodable { .. }
        );
        let changed = step.row != kept.row;
        assert_eq!(after > before, takes_over && changed, "{fact:?}: {:#?}", kept.row);
    });
}

#[test]
fn a_stale_fact_changes_nothing_and_leaves_at_most_a_late_entry() {
    every_fact(|kept, fact, step| {
        if step.answer == Answer::Stale {
            assert_eq!((&step.row, &step.letter), (&kept.row, &None), "{fact:?}");
            let late = |write: &EntryWrite| matches!(write, EntryWrite::Append(entry) if entry.log.late && entry.log.end.is_answer());
            assert!(step.entries.iter().all(late) && step.entries.len() <= 1, "{fact:?}");
        }
    });
}

#[test]
fn a_failure_writes_its_dead_letter_and_nothing_else_does() {
    every_fact(|kept, fact, step| {
        let fails = kept.row.status != Status::Failed && step.row.status == Status::Failed;
        assert_eq!(step.letter.is_some(), fails, "{fact:?}");
        let ends = step.row.status.is_terminal() && !kept.row.status.is_terminal();
        assert_eq!(step.finishes(&kept.row).is_some(), ends, "{fact:?}");
    });
}

/// From the end on, as long as the row says; a row that was never claimed says nothing before a
/// sweep does.
#[test]
fn an_operation_expires_after_its_retention() {
    every_fact(|kept, fact, step| {
        let (before, after) = (&kept.row, &step.row);
        let Some(outcome) = step.finishes(before) else { return };
        let retention = match fact {
            Fact::BudgetSpent { policy: Some(policy), .. } | Fact::HistoryLost { policy, .. }
                if before.status == Status::Pending =>
            {
                policy.retention
            }
            _ => before.policy.retention,
        };
        assert_eq!(after.finished_at, Some(now()), "{fact:?}");
        assert_eq!(after.expires_at, Some(now().plus(retention.after(outcome))), "{fact:?}");
        assert_eq!(after.kept_until(), after.expires_at, "{fact:?}");
    });
}

#[test]
fn only_a_claim_and_the_sweep_of_what_was_never_claimed_say_how_long_it_is_kept() {
    every_fact(|kept, fact, step| {
        let (before, after) = (&kept.row, &step.row);
        let expected = match fact {
            Fact::Claimed { policy, .. } if after != before => policy.retention,
            Fact::BudgetSpent { policy: Some(policy), .. } | Fact::HistoryLost { policy, .. }
                if before.status == Status::Pending && after != before =>
            {
                policy.retention
            }
            _ => before.policy.retention,
        };
        assert_eq!(after.policy.retention, expected, "{fact:?}");
    });
}

#[test]
fn an_end_that_was_stored_is_stored_once() {
    every_fact(|kept, fact, first| {
        let Fact::Settled(ended) = fact else { return };
        let log: Vec<&Entry> = first
            .entries
            .iter()
            .map(|write| match write {
                EntryWrite::Append(entry) | EntryWrite::Update(entry) => entry,
            })
            .filter(|entry| !entry.log.late)
            .collect();
        let logged = log.first().copied().or_else(|| logged(kept, ended.fence));
        let again = step(&first.row, Fact::Settled(Ended { logged, ..ended }), now());
        assert_eq!(again.row, first.row, "{fact:?}");
        let told = match first.answer.clone() {
            Answer::Moved(to) => Answer::Moved(to.again()),
            other => other,
        };
        assert_eq!(again.answer, told, "{fact:?}");
    });
}
