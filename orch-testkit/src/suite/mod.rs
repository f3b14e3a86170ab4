//! The cases, by topic. Each is a sentence about the documentation of `Store`; none knows how
//! a store keeps it.

use std::sync::Arc;

use crate::{Backend, World};

pub mod accept;
pub mod claim;
pub mod fence;
pub mod finalize;
pub mod stale;

/// Runs one case in a world of its own, on two threads so that concurrent cases overlap.
pub fn run<Case>(backend: impl Backend, case: impl FnOnce(World) -> Case)
where
    Case: Future<Output = ()>,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { case(World::open(Arc::new(backend)).await).await });
}

/// Makes one test of every case of the suite, in modules by topic. The expression is evaluated
/// anew for each and gives a [`Backend`](crate::Backend).
///
/// ```ignore
/// orch_testkit::conformance!(Sqlite::in_a_new_folder());
/// ```
#[macro_export]
macro_rules! conformance {
    ($backend:expr) => {
        $crate::__cases! { $backend;
            accept {
                a_new_command_is_created_pending_and_due_at_once
                the_same_key_and_body_is_replayed
                the_same_key_with_another_body_is_a_conflict_and_stores_nothing
                a_conflict_hands_out_the_payload_that_is_there
                another_fingerprint_decides_not_another_payload
                each_part_of_the_identity_makes_it_another_one
                a_second_item_in_one_batch_is_replayed
                a_conflict_in_one_batch_leaves_its_neighbours
                the_same_op_id_again_is_created_again_and_stored_once
                twenty_concurrent_accepts_of_one_key_make_one_operation
                twenty_concurrent_accepts_with_two_bodies_make_one_operation
                a_terminal_operation_is_still_replayed
                answers_come_in_the_order_of_the_batch
                an_empty_batch_is_answered_by_nothing
                find_sees_what_was_accepted
            }
            claim {
                a_claim_leases_and_counts_before_it_returns
                the_envelope_holds_what_was_accepted
                the_oldest_due_comes_first
                kinds_are_looked_at_in_the_order_given
                the_limit_holds_over_all_kinds
                a_limit_of_nothing_claims_nothing
                a_claimed_operation_is_not_claimed_again
                an_unknown_kind_waits_and_is_reported
                known_kinds_are_not_reported
                eight_concurrent_claimers_never_share_an_operation
                nothing_past_its_deadline_is_claimed
                a_terminal_operation_is_not_claimed
            }
            fence {
                each_claim_raises_the_fence
                a_take_over_raises_the_fence
                a_persons_decision_raises_the_fence
                a_release_keeps_the_fence
                a_deadline_raises_the_fence
                a_redriven_operation_starts_anew_and_leaves_the_old_fence
            }
            stale {
                log_after_a_take_over
                settle_after_a_take_over
                finalize_after_a_take_over
                renew_after_a_take_over
                release_after_a_take_over
                log_after_the_next_claim
                settle_after_the_next_claim
                finalize_after_the_next_claim
                renew_after_the_next_claim
                release_after_the_next_claim
                every_verb_after_the_end
                every_verb_on_an_operation_that_does_not_exist
                every_verb_with_a_fence_from_the_future
                every_verb_after_a_release
                a_stale_doubt_is_dropped
            }
            finalize {
                settle_completes_an_operation
                settle_fails_an_operation_and_writes_its_dead_letter
                log_keeps_the_state_and_drops_the_lease
                a_logged_operation_is_not_taken_for_lost
                a_logged_operation_is_not_claimed
                an_outcome_is_the_finalizers_after_a_second
                a_crash_between_log_and_finalize_is_made_good
                finalize_without_an_entry_is_stale
                a_second_finalize_answers_the_same
                a_second_settle_changes_nothing
                the_first_entry_stands
                a_second_settle_of_a_retry_answers_the_same
                an_entry_says_who_ran_what_and_when
                a_finalize_hook_runs_in_the_transaction
                a_hook_does_not_run_for_an_operation_that_goes_on
                a_hook_that_fails_changes_nothing_but_the_time
                a_hook_that_fails_backs_off
                a_failed_hook_succeeds_later_without_a_new_attempt
                a_failing_hook_leaves_its_neighbours
                a_hook_runs_once_however_often_it_is_finalized
                a_hook_sees_failures_too
                only_a_worker_with_the_kind_finalizes_a_hooked_outcome
                unfinalized_keeps_its_limit
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __cases {
    ($backend:expr; $($topic:ident { $($case:ident)* })*) => {$(
        mod $topic {
            #[allow(unused_imports, reason = "the expression may name things of the caller's")]
            use super::*;
            $(
                #[test]
                fn $case() {
                    $crate::suite::run($backend, $crate::suite::$topic::$case);
                }
            )*
        }
    )*};
}
