//! One suite for both databases: SQLite always, PostgreSQL where `FASCICOLO_TEST_POSTGRES` names a
//! server on which databases may be created.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]

#[path = "../support/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod backups;
mod commits;
mod conditions;
mod crash;
mod damage;
mod defined;
mod documents;
#[cfg(target_os = "linux")]
mod faults;
mod groups;
mod histories;
mod index;
mod linearizability;
mod migrations;
mod nodes;
mod raw;
mod restricted;
mod searches;
mod settings;
mod store;

use support::database::TestDatabase;

/// A PostgreSQL database of its own; says so when there is no server to ask for one.
pub fn postgres() -> Option<TestDatabase> {
    match std::env::var("FASCICOLO_TEST_POSTGRES") {
        Ok(server) if !server.is_empty() => Some(TestDatabase::postgres(&server)),
        _ => {
            eprintln!("skipped: FASCICOLO_TEST_POSTGRES is not set");
            None
        }
    }
}

/// Runs each function once on each database.
macro_rules! suite {
    ($($module:ident: $($name:ident),+;)+) => {
        mod sqlite {
            $(mod $module {
                $(#[test]
                fn $name() {
                    crate::$module::$name(&crate::support::database::TestDatabase::sqlite());
                })+
            })+
        }
        mod postgres {
            $(mod $module {
                $(#[test]
                fn $name() {
                    if let Some(database) = crate::postgres() {
                        crate::$module::$name(&database);
                    }
                })+
            })+
        }
    };
}

suite! {
    commits: outcomes_and_versions, expectations_refuse_and_leave_nothing, equal_content_makes_no_version,
        versions_within_one_commit, times_and_sequence_only_rise, many_writes_in_one_commit,
        audit_and_jobs_go_with_the_commit, aud_records_are_only_appended;
    conditions: conditions_are_decided_in_the_commit, con_01_racing_conditional_creates,
        a_condition_sees_its_own_group, a_claim_follows_its_resource;
    groups: each_commit_of_a_group_fails_alone, a_commit_that_breaks_the_group_fails_alone,
        con_02_no_lost_update, con_06_a_commit_that_was_given_up_is_not_done,
        writers_of_one_key_make_a_chain;
    histories: histories_newest_first_in_pages, totals_are_told_where_they_are_cheap,
        a_history_is_of_one_state, history_since_and_at;
    searches: pages_in_order, clauses_hold_together, two_interpreters_agree, pages_back_through_several_values,
        in_18_a_search_has_a_time_limit;
    restricted: leak_13_14_plans_over_what_is_hidden, leak_17_18_includes_of_what_is_hidden,
        leak_03_04_05_histories_of_what_is_hidden;
    index: index_rows_equal_a_rebuild;
    documents: dur_04_documents_by_their_hash, dur_04_documents_without_a_commit_are_swept;
    settings: dur_03_postgres_that_forgets_is_refused, ops_03_order_never_rests_on_the_clock,
        ops_03_a_clock_far_off_is_not_ready, in_25_sqlite_defends_itself;
    migrations: up_down_up, ops_04_a_newer_schema_is_refused, dev_05_stamps, packages_are_kept,
        names_get_numbers_once;
    backups: ops_05_backup_under_load_is_one_state, ops_06_restore_refuses_what_is_not_empty;
    defined: a_job_goes_on_after_kill_9, an_index_of_an_older_format_is_rebuilt;
    damage: dur_07_damage_is_found, dur_07_what_is_damaged_is_in_quarantine,
        dur_07_an_index_is_rebuilt_around_damage;
    linearizability: con_02_registers_are_linearizable;
    crash: dur_01_acknowledged_writes_survive_kill_9;
}
