//! The list of the suite's cases, and the tests that are made of it.

/// Makes one test of every case of the suite, in modules by topic. The expression is evaluated
/// again for each and gives a [`Backend`](crate::Backend).
///
/// ```text
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
            lease {
                a_renewal_moves_the_end_of_the_lease
                a_lease_runs_out_at_its_instant
                an_expired_lease_still_counts_until_it_is_taken_back
                a_claim_takes_the_lease_it_asks_for
                a_batch_renews_the_held_and_refuses_the_lost
                a_repeated_release_is_released_again
                a_logged_attempt_has_no_lease_to_renew
                a_waiting_operation_has_no_lease_to_renew
                a_lost_attempt_is_logged_in_doubt_under_its_fence
                a_lost_attempt_is_counted
                a_lost_attempt_backs_off_as_its_kind_says
                a_lease_is_taken_back_once
                two_sweeps_at_once_take_a_lease_back_once
                a_sweep_keeps_its_limit_and_the_next_goes_on
                a_lost_lease_is_told_in_the_same_words
                a_lease_that_is_held_is_left_alone
                an_operation_taken_back_runs_again
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
                a_hook_is_told_which_operation_it_is
                a_hook_is_told_which_operation_a_person_has_failed
                a_hook_is_told_which_operation_was_never_run
                a_hook_does_not_run_for_an_operation_that_goes_on
                a_hook_that_fails_changes_nothing_but_the_time
                a_hook_that_fails_leaves_its_error_in_the_history
                a_hook_that_fails_backs_off
                a_failed_hook_succeeds_later_without_a_new_attempt
                a_failing_hook_leaves_its_neighbours
                a_hook_runs_once_however_often_it_is_finalized
                a_hook_sees_failures_too
                only_a_worker_with_the_kind_finalizes_a_hooked_outcome
                unfinalized_keeps_its_limit
            }
            late {
                an_answer_after_the_end_is_kept_and_changes_nothing
                log_keeps_a_late_answer_too
                the_dead_letter_counts_late_answers
                a_late_answer_is_kept_once
                an_answer_under_a_superseded_claim_is_kept
                each_lost_claim_keeps_its_own_answer
                a_late_doubt_is_not_an_answer
                a_repeated_settle_is_not_a_late_answer
                an_answer_after_the_time_budget_is_kept
                an_answer_after_a_completed_end_is_kept
            }
            history {
                the_decline_of_a_lost_claim_does_not_fail_the_operation
                the_retry_of_a_lost_claim_does_not_follow_a_success
                a_lost_claim_neither_renews_nor_releases
                a_lost_claim_cannot_log_nor_finalize
                a_lost_claim_is_not_the_release_of_another_again
                three_claims_with_one_count_leave_three_entries
                an_answer_from_beyond_the_latest_claim_is_kept
            }
            divergence {
                an_answer_before_a_completed_end_diverges
                an_answer_after_a_completed_end_diverges
                an_equal_answer_corroborates_before_and_after_the_end
                the_dead_letter_counts_what_diverges_before_the_end
                the_dead_letter_counts_what_diverges_after_the_end
                the_dead_letter_does_not_count_what_corroborates
                a_late_retry_contradicts_nothing
                a_late_not_happened_is_kept_and_contradicts_a_success
                a_persons_decision_is_compared_with_what_came_before_it
                a_late_success_does_not_complete_a_parked_operation
                an_end_without_the_providers_word_is_contradicted_by_a_success_only
                late_names_the_operations_with_a_late_answer
                late_is_paged_in_the_order_of_ids
                late_keeps_owners_apart
            }
            waiting {
                a_retry_waits_for_its_delay
                it_is_claimed_at_its_instant_and_not_before
                a_reason_is_told_while_it_waits_and_not_while_it_runs
                the_delay_counts_from_the_end_of_the_attempt
                a_logged_retry_waits_once_it_is_finalized
                a_waiting_operation_is_not_taken_for_lost
                a_delay_that_is_endless_ends_at_the_deadline
                a_release_gives_the_attempt_back
                a_release_is_carried_out_once
                a_release_after_the_log_is_stale
                wait_for_work_returns_by_its_timeout
            }
            doubt {
                retry_runs_it_again
                park_leaves_it_to_a_person
                fail_ends_it_as_uncertain
                reconcile_asks_the_provider
                a_lost_lease_follows_park
                a_lost_lease_follows_fail
                a_lost_lease_follows_reconcile
                a_lost_lease_of_a_hooked_kind_is_only_logged
                the_declaration_of_the_latest_claim_counts
                earlier_doubt_makes_a_later_giving_up_uncertain
                a_failure_after_doubt_is_as_uncertain_as_its_worker_says
                doubt_at_the_deadline_is_never_plainly_failed
                the_same_doubt_twice_counts_once
                what_was_in_doubt_can_still_succeed
            }
            reconcile {
                a_question_holds_a_lease_and_stays_in_doubt
                happened_completes_it
                not_happened_makes_it_safe_to_run
                not_happened_clears_the_doubt
                unanswered_stays_in_doubt_and_asks_again
                after_the_last_question_it_is_parked
                a_lost_question_is_only_due_again
                lost_questions_count_towards_the_limit
                the_kind_says_how_many_questions
                the_limit_of_the_latest_question_counts
                a_declared_question_is_put_although_a_later_deploy_says_retry
                a_later_deploy_may_ask_where_retry_was_declared
                a_later_deploy_asks_also_where_the_doubt_only_waits
                the_answer_to_a_lost_question_is_kept_as_late
                questions_go_on_past_the_deadline
                not_happened_past_the_deadline_fails_plainly
                a_released_question_is_due_at_once_and_not_counted
                a_logged_answer_waits_for_the_finalizer
            }
            seeds {
                a_claim_hands_out_the_seed_that_was_accepted
                an_identity_accepted_again_after_a_purge_has_the_same_key
                a_redrive_has_another_key_of_the_same_seed
                a_database_has_one_namespace_for_all_its_processes
                a_namespace_that_is_given_is_kept_and_is_the_newest
            }
            keys {
                the_first_claim_is_the_first_call_with_the_first_key
                a_lost_attempt_keeps_the_first_call_and_the_key
                a_definite_retry_clears_the_call_and_raises_the_generation
                a_retry_while_doubt_stands_keeps_both
                doubt_about_a_later_key_counts_from_its_own_first_call
                a_question_says_what_is_in_doubt
                not_happened_clears_the_call_and_keeps_the_key
                running_again_clears_the_call_and_keeps_the_key
                an_error_after_not_happened_keeps_the_key_of_the_lost_call
                an_error_after_running_again_keeps_the_key_of_the_lost_call
                an_error_before_a_lost_call_has_raised_the_generation_for_good
                a_claim_that_was_not_run_was_no_call
                a_claim_that_was_not_run_keeps_earlier_doubt
                a_logged_retry_raises_the_generation_once_it_is_finalized
                a_logged_doubt_keeps_the_first_call_once_it_is_finalized
                the_same_retry_twice_raises_the_generation_once
                where_errors_are_not_replayed_a_retry_keeps_the_generation
                a_deploy_that_replays_errors_keeps_the_key_in_doubt
                a_deploy_that_no_longer_replays_errors_keeps_the_key_in_doubt
                the_latest_claim_says_whether_errors_are_replayed
                a_retry_of_a_hooked_kind_counts_as_its_claim_said
                a_redriven_operation_begins_with_the_first_generation
            }
            budget {
                a_pending_operation_fails_as_never_called
                its_end_is_logged_by_the_engine
                a_waiting_operation_fails_with_its_last_reason
                a_released_one_that_never_ran_says_so
                in_doubt_with_retry_fails_as_uncertain
                in_doubt_with_reconcile_is_left_to_the_questions
                a_running_attempt_is_left_to_its_worker
                a_retry_after_the_deadline_fails_at_once
                a_retry_that_would_land_on_the_deadline_fails_now
                a_parked_operation_waits_for_its_person
                at_the_deadline_the_sweep_has_it_and_the_claim_not
                just_before_the_deadline_it_is_claimed
                a_pending_operation_of_an_unknown_kind_is_left_alone
                a_waiting_operation_ends_whoever_sweeps
                a_pending_operation_of_a_hooked_kind_is_only_logged
                a_sweep_ends_each_operation_once
                a_sweep_keeps_its_limit_and_the_next_goes_on
                each_operation_has_its_own_budget
                a_huge_budget_does_not_wrap
            }
            attempts {
                the_last_retry_exhausts_the_attempts
                a_handler_that_kills_its_process_is_stopped
                retries_and_lost_attempts_count_together
                calls_never_exceed_one_and_retries_and_lost_attempts
                one_attempt_is_one
                the_limit_of_the_latest_claim_counts
            }
            redrive {
                a_redriven_operation_is_new_and_linked
                it_can_be_claimed_and_completed
                a_second_redrive_makes_nothing_new
                redrives_at_once_make_one_operation
                an_uncertain_failure_needs_a_word_more
                a_late_success_needs_a_word_more_as_well
                a_late_refusal_needs_no_word_more
                only_a_failed_operation_is_redriven
                another_owners_operation_is_not_there
                a_redriven_operation_can_fail_and_be_redriven
                the_identity_still_finds_the_first
                the_key_is_not_free_while_the_redrive_is_there
                dead_letters_are_the_owners_own
                a_parked_operation_is_not_redriven
            }
            parked {
                a_person_completes_it
                a_person_fails_it
                a_person_has_it_run_again_with_a_fresh_budget
                the_decision_is_logged_with_who_and_why
                running_again_starts_the_questions_anew
                running_again_is_logged_as_well
                a_persons_word_clears_the_doubt
                what_is_not_parked_is_not_resolved
                it_is_resolved_once
                two_people_at_once_resolve_it_once
                another_owners_operation_is_not_there
                of_a_hooked_kind_the_decision_is_only_logged
                a_payload_that_the_handler_cannot_take_is_parked
                the_worker_that_was_too_late_is_heard_after_a_decision
                an_endless_note_is_cut
                a_parked_operation_keeps_its_doubt
            }
            undecodable {
                a_claim_says_so_and_hands_out_the_others
                it_is_claimed_once_and_then_parked
                a_page_of_bad_rows_does_not_hide_the_good
                a_listing_names_it
                get_says_that_it_is_corrupt
                a_sweep_of_leases_goes_on_past_it
                a_sweep_of_deadlines_goes_on_past_it
                its_neighbours_settle_as_ever
            }
            batch {
                settle_answers_in_order
                settle_takes_every_kind_of_end_at_once
                settle_of_stale_and_good_items
                log_of_stale_and_good_items
                finalize_of_stale_and_good_items
                release_of_stale_and_good_items
                one_claim_twice_in_a_batch_is_settled_once
                one_claim_twice_in_a_batch_is_logged_once
                empty_batches_are_answered_by_nothing
                a_large_batch_is_taken
                batches_in_opposite_order_do_not_deadlock
            }
            purge {
                completed_operations_go_after_their_retention
                failed_operations_go_with_their_dead_letters
                each_end_has_its_own_retention
                the_retention_counts_from_the_end
                nothing_that_goes_on_is_removed
                the_limit_holds_and_the_next_goes_on
                a_purged_identity_is_free_again
                a_purged_operation_is_gone_for_every_verb
                nothing_of_a_purged_operation_is_left_behind
            }
            time {
                now_is_the_clock_of_the_store
                turned_back_it_still_settles
                turned_back_it_takes_no_lease
                turned_back_it_loses_nothing
                turned_back_the_fence_still_grows
                turned_back_a_retry_waits_from_the_new_present
                a_delay_is_not_cut_to_whole_milliseconds
                turned_back_a_key_is_still_replayed
                a_leap_of_a_century_ends_budgets_and_nothing_else
            }
            payloads {
                nul_bytes
                a_whole_mebibyte
                nothing_at_all
                bytes_that_are_not_utf_8
                a_lone_surrogate_in_json
                odd_failure_texts
                odd_reasons
                a_retry_keeps_what_the_provider_asked_for
                a_megabyte_of_error_text_is_stored_cut
                odd_keys
                a_deep_kind_name
            }
            list {
                pages_follow_one_another
                a_full_last_page_has_no_next
                no_limit_means_a_hundred
                by_owner
                by_state_and_phase
                by_kind
                filters_and_pages_together
                a_listed_operation_is_whole
                another_owners_operation_does_not_exist
                a_history_is_read_oldest_first
            }
            processes {
                what_one_accepts_the_other_claims
                one_key_in_both_makes_one_operation
                claimers_in_both_never_share
                the_other_takes_over_what_a_dead_one_held
                two_finalizers_at_once_finish_it_once
                a_settle_and_a_take_over_at_once_leave_one_winner
                migrating_again_changes_nothing
                both_have_one_connection_type
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
