//! One suite of named operations, run on both engines: `sqlite::…` on a file, `postgres::…` on a database of its own.
//!
//! PostgreSQL is the server at `REVEILLE_TEST_POSTGRES` (a URL; databases are created and dropped there), or a cluster that
//! lives as long as the tests do, if `initdb` is installed. Without either those cases are skipped, unless
//! `REVEILLE_REQUIRE_POSTGRES=1` or `CI=true`.

#[path = "contract/app_probes.rs"]
mod app_probes;
#[path = "contract/apps.rs"]
mod apps;
#[path = "contract/census.rs"]
mod census;
#[path = "contract/cluster.rs"]
mod cluster;
#[path = "contract/database.rs"]
mod database;
#[path = "contract/devices.rs"]
mod devices;
#[path = "contract/events.rs"]
mod events;
#[path = "contract/fairness.rs"]
mod fairness;
#[path = "contract/field.rs"]
mod field;
#[path = "contract/imports.rs"]
mod imports;
#[path = "contract/opening.rs"]
mod opening;
#[path = "contract/plans.rs"]
mod plans;
#[path = "contract/pushes.rs"]
mod pushes;
#[path = "contract/sessions.rs"]
mod sessions;
#[path = "contract/unreadable.rs"]
mod unreadable;
#[path = "contract/updates.rs"]
mod updates;
#[path = "contract/upkeep.rs"]
mod upkeep;
#[path = "contract/waits.rs"]
mod waits;
#[path = "contract/wakes.rs"]
mod wakes;
#[path = "contract/walk.rs"]
mod walk;

macro_rules! contract {
    ($($topic:ident: $($case:ident)*;)*) => {
        mod sqlite {
            $($(
                #[tokio::test]
                async fn $case() {
                    super::$topic::$case(super::database::Database::sqlite()).await;
                }
            )*)*
        }

        mod postgres {
            $($(
                #[tokio::test]
                async fn $case() {
                    if let Some(database) = super::database::Database::postgres().await {
                        super::$topic::$case(database.clone()).await;
                        database.discard().await;
                    }
                }
            )*)*
        }
    };
}

contract! {
    app_probes:
        replicas_make_one_probe
        a_lost_probe_blocks_until_its_lease_is_over
        a_lost_lease_ends_the_probe_whatever_its_replicas_clock_said
        a_probe_goes_past_what_is_only_observed
        a_probe_that_says_nothing_is_followed_by_another
        a_shut_app_is_not_probed
        mended_credentials_are_tried_at_once
        credentials_are_mended_of_their_own_fault_only
        a_token_ends_the_fault_or_prolongs_it
        that_it_pushes_again_is_told_once_and_only_if_it_was_shut;
    apps:
        registered_apps_keep_their_conditions
        an_app_is_paused_and_resumed
        an_unknown_app_is_not_found
        channels_are_counted_by_app_and_state
        many_deaths_are_held_as_suspect
        suspects_die_or_live_when_an_operator_resumes
        a_new_channel_is_not_touched_by_a_doubt
        a_channel_that_died_twice_lives_again_when_that_is_doubted;
    census:
        one_replica_counts_for_all
        a_count_from_the_future_does_not_stand
        of_those_who_want_to_count_one_does
        a_push_that_is_under_way_is_not_due
        a_schema_and_a_key_that_do_not_fit_any_more_are_seen
        every_transaction_is_told;
    devices:
        a_created_device_comes_back
        two_devices_cannot_have_one_name
        lists_are_paged_in_the_order_of_bytes
        lists_are_filtered
        labels_are_found_exactly
        a_deleted_device_takes_its_wakes_along
        a_deletion_needs_the_revision_that_was_read
        a_certificate_belongs_to_one_device
        refusals_are_remembered_once_a_minute
        a_reset_is_planned_for_the_next_session
        a_reset_and_a_session_do_not_overwrite_each_other
        what_is_secret_is_sealed;
    events:
        numbers_are_consecutive_under_concurrency
        one_bad_unit_does_not_fail_its_neighbours
        a_full_queue_is_busy
        a_forgotten_cursor_shows_in_the_first_number
        what_is_news_raises_the_signal;
    fairness:
        a_flood_does_not_overtake_what_waits
        every_app_and_priority_has_a_queue_of_its_own
        a_claim_goes_past_what_somebody_holds
        what_is_over_takes_no_place;
    imports:
        an_imported_device_is_whole
        an_import_keeps_what_it_does_not_name
        a_dry_run_says_what_would_be_done
        only_a_channel_of_the_push_app_is_taken_over
        what_the_device_or_wns_said_is_not_overruled
        what_is_imported_under_another_app_is_pushed_to_by_it
        what_another_device_has_is_refused
        one_device_is_imported_by_many_at_once;
    opening:
        a_missing_schema_is_refused
        the_schema_goes_up_and_down
        a_newer_schema_is_welcome
        a_row_need_not_name_what_has_a_default
        several_processes_migrate_and_open_at_once
        another_key_is_refused_by_its_id;
    plans:
        what_waits_for_one_app_costs_the_others_nothing;
    pushes:
        only_what_is_due_is_claimed
        a_claim_takes_its_own_priority_and_app
        a_claim_is_bounded
        replicas_never_claim_the_same
        the_intent_is_recorded_before_the_push
        a_push_has_its_span_before_it_goes
        every_verdict_leaves_its_state
        a_verdict_about_an_older_channel_changes_nothing
        a_late_verdict_serves_no_other_summons
        a_malformed_push_fails_its_wakes
        again_and_again_malformed_is_the_apps_fault
        a_verdict_outlives_its_device
        a_push_that_was_handed_back_never_happened
        a_lost_lease_counts
        a_lost_push_is_told_though_its_wake_has_ended
        the_gap_outlives_the_wake
        a_push_serves_the_wakes_that_were_live_meanwhile
        an_observed_device_is_not_pushed_to
        a_restart_heeds_the_new_mode;
    sessions:
        a_session_starts_goes_on_and_ends
        a_session_is_no_older_than_what_it_answers
        a_stale_revision_is_a_conflict
        a_newer_session_supersedes
        only_one_of_two_starts_wins
        a_message_of_a_superseded_session_comes_too_late
        a_start_answers_what_was_asked_before
        a_start_answers_everything_made_before_it_and_nothing_after
        sessions_are_attributed
        a_user_session_answers_nothing
        a_session_joins_the_trace_of_the_oldest_wake
        a_device_unenrolls_and_comes_back
        wakes_wait_for_an_open_session
        a_silent_open_session_holds_for_a_minute
        an_open_session_may_satisfy_a_wake
        one_uri_belongs_to_the_newest_owner
        one_uri_told_by_two_at_once_belongs_to_one
        a_channel_is_written_over_the_revision_that_was_read
        what_a_device_says_of_itself_is_kept
        what_became_of_commands_is_recorded
        what_nobody_answered_is_recorded_as_unknown
        uneventful_sessions_are_few
        sessions_are_paged_newest_first;
    unreadable:
        what_cannot_be_read_stops_nothing_else
        a_claim_goes_past_a_name_that_cannot_be_read
        leases_run_out_whatever_cannot_be_read
        sessions_end_whatever_cannot_be_read
        wakes_end_whatever_cannot_be_read
        channels_expire_whatever_cannot_be_read
        deaths_are_doubted_whatever_cannot_be_read
        lists_leave_out_what_cannot_be_read;
    updates:
        what_an_owner_changes_is_changed
        an_update_needs_the_revision_that_was_read
        an_update_happens_whole_or_not_at_all
        a_device_that_moves_is_pushed_to_by_its_old_app
        a_device_that_has_moved_is_pushed_to_by_its_new_app
        a_doubted_death_on_the_way_leaves_the_channel_to_the_old_app
        an_app_that_is_gone_is_not_waited_for
        a_new_pfn_of_an_app_parts_the_channels_made_under_the_old_one
        a_channel_that_dies_on_the_way_belongs_to_the_new_app
        wakes_that_wait_heed_new_labels
        a_device_without_a_channel_moves_at_once;
    upkeep:
        wakes_end_at_their_deadlines_for_a_reason
        hundreds_of_deadlines_pass_at_once
        silent_sessions_end
        channels_expire
        old_records_are_forgotten
        last_replies_are_forgotten_first
        windows_do_not_run_while_the_gateway_is_away
        a_probe_is_no_life_sign
        writes_of_the_pfn_are_counted;
    waits:
        whoever_waits_for_its_device_has_no_turn
        a_uri_is_not_taken_from_a_device_that_is_busy
        apps_are_waited_for_in_one_order
        what_is_old_is_taken_last
        an_import_does_not_wait_for_a_device_that_it_comes_upon
        a_start_holds_nobody_up;
    wakes:
        the_expectation_is_told
        an_unknown_device_is_refused
        the_same_key_makes_one_wake
        a_key_is_free_again_a_day_after_its_wake
        wakes_share_a_summons
        a_cancelled_wake_leaves_the_others
        the_last_cancelled_wake_ends_the_summons
        lists_are_filtered_and_paged_newest_first;
    walk:
        whatever_happens_the_promises_hold;
}
