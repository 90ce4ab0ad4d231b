"""Every fault that was thought of: the tests that show what must happen, or why it is not shown here.

Numbers are those of the table of faults. A test named here that is not there any more fails this file.
"""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.conftest import ROOT

# number -> (what goes wrong, [file: test, ...])
ROWS: dict[int, tuple[str, list[str]]] = {
    1: (
        "killed around any step's intent, apply, verify, done",
        [
            "migrate/test_wizard.py: killed_at_any_point_it_resumes_to_the_same_end",
            "migrate/test_steps.py: killed_at_any_point_it_ends_as_if_it_had_not_been",
            "migrate/test_switch.py: a_switch_that_is_killed_anywhere_is_gone_on_with",
        ],
    ),
    2: (
        "killed in the middle of a copy",
        [
            "migrate/test_stop.py: kill_9_leaves_no_copy_or_a_whole_one_and_running_again_is_the_repair",
        ],
    ),
    3: (
        "power is lost around the rename",
        [
            "migrate/test_stop.py: a_power_cut_after_any_operation_leaves_no_copy_or_a_whole_one",
        ],
    ),
    4: (
        "the journal's last line is torn",
        [
            "store/test_journal.py: a_line_that_is_cut_at_any_byte_never_counted_and_the_next_takes_its_place",
        ],
    ),
    5: (
        "the journal was changed in its middle",
        [
            "store/test_journal.py: a_byte_that_was_changed_in_any_line_is_noticed_and_nothing_more_is_written",
            "cli/test_migrate.py: a_changed_journal_is_read_and_no_more",
        ],
    ),
    6: (
        "the journal is of a newer version",
        [
            "store/test_journal.py: a_later_version_and_another_file_are_refused",
        ],
    ),
    7: (
        "a bit flips at the destination",
        [
            "migrate/test_disk.py: a_bit_that_flips_on_the_way_to_the_disk_is_found_and_the_file_named",
            "migrate/test_steps.py: a_bit_that_flips_after_the_copy_stops_the_move",
        ],
    ),
    8: (
        "reads of the source are unstable",
        [
            "migrate/test_disk.py: the_hash_is_of_the_bytes_that_were_written_however_unstable_the_reads_are",
        ],
    ),
    9: (
        "another file of the same size is in the way",
        [
            "migrate/test_in_the_way.py: other_bytes_of_the_same_size_and_time_are_refused",
        ],
    ),
    10: (
        "the source grows during the copy",
        [
            "migrate/test_writer_active.py: a_source_that_changes_meanwhile_is_noticed_and_nothing_is_kept",
            "migrate/test_writer_active.py: a_source_that_never_rests_is_given_up_after_a_bounded_number_of_tries",
        ],
    ),
    11: (
        "the source is replaced during the copy",
        [
            "migrate/test_writer_active.py: a_source_that_is_replaced_just_before_the_copy_gets_its_name_is_noticed",
        ],
    ),
    12: (
        "the source is rewritten with its old size and time",
        [
            "migrate/test_in_the_way.py: a_source_rewritten_with_its_old_size_and_time_is_told_from_its_copy",
        ],
    ),
    13: (
        "the old collector is in the middle of a write",
        [
            "migrate/test_torn.py: a_parquet_file_that_its_writer_finishes_is_copied_then",
            "migrate/test_carry.py: a_file_that_is_being_written_is_read_when_it_is_whole",
        ],
    ),
    14: (
        "a footer is corrupt",
        [
            "migrate/test_torn.py: a_parquet_file_that_is_not_whole_is_unreadable_now_and_never_copied",
        ],
    ),
    15: (
        "a file of 0 bytes, or of a header only",
        [
            "migrate/test_inventory.py: a_torn_file_is_not_whole",
        ],
    ),
    16: (
        "another schema",
        [
            "store/test_examination.py: another_type_of_a_column_is_said_and_its_rows_are_read",
            "store/test_examination.py: upper_case_and_another_order_are_said",
            "migrate/test_compare.py: other_columns_block_in_the_new_file_and_are_read_in_the_old_one",
        ],
    ),
    17: (
        "duplicates, unsorted rows, NaN, infinite values",
        [
            "store/test_normal.py: nan_becomes_null_and_infinite_future_and_empty_rows_stay_and_are_told",
            "migrate/test_steps.py: a_damaged_data_set_is_copied_proved_and_put_in_normal_form",
        ],
    ),
    18: (
        "a row of the future",
        [
            "store/test_examination.py: a_row_is_in_the_future_after_ten_minutes",
            "migrate/test_future.py: the_move_goes_up_to_the_switch_and_takes_everything_along",
        ],
    ),
    19: (
        "an optional file is absent",
        [
            "migrate/test_inventory.py: a_required_file_that_is_absent_blocks_and_an_optional_one_does_not",
            "migrate/test_optional.py: the_move_goes_through_without_it_and_back",
        ],
    ),
    20: (
        "a required file is absent",
        [
            "migrate/test_steps.py: a_required_file_that_is_absent_and_a_place_that_is_taken_refuse",
        ],
    ),
    21: (
        "an optional file may not be read",
        [
            "migrate/test_inventory.py: one_that_may_not_be_read_is_an_error_also_where_it_is_optional",
        ],
    ),
    22: (
        "the disk is full during a copy",
        [
            "migrate/test_disk.py: a_full_disk_is_said_with_what_is_needed_and_leaves_nothing",
            "migrate/test_stop.py: a_file_size_limit_in_the_middle_leaves_nothing",
        ],
    ),
    23: (
        "the disk is full during a merge",
        [
            "ops/test_engine.py: a_full_disk_under_the_data_is_said_and_what_was_missed_is_collected_later",
        ],
    ),
    24: (
        "the disk is full under the journal",
        [
            "store/test_journal.py: a_full_disk_stops_before_the_deed_and_leaves_what_was_told",
        ],
    ),
    25: (
        "quota or inodes are used up",
        [
            "migrate/test_disk.py: a_full_disk_is_said_with_what_is_needed_and_leaves_nothing",
            "migrate/test_places.py: a_disk_that_will_not_do_blocks",
        ],
    ),
    26: (
        "the disk fails",
        [
            "migrate/test_disk.py: a_disk_that_fails_while_it_writes_is_no_copy",
            "migrate/test_disk.py: a_copy_that_cannot_be_read_back_is_none",
        ],
    ),
    27: (
        "the destination is read-only, a file, or absent",
        [
            "migrate/test_places.py: a_disk_that_will_not_do_blocks",
            "migrate/test_places.py: a_folder_that_this_user_may_not_write_blocks",
        ],
    ),
    28: (
        "one folder lies in the other, or is the other",
        [
            "migrate/test_places.py: folders_that_do_not_lie_apart_block",
            "host/test_disk.py: a_hard_link_is_the_same_file",
            "host/test_disk.py: links_that_lead_to_themselves_are_refused",
        ],
    ),
    29: (
        "the destination is in a cloud, on a network or a stick",
        [
            "migrate/test_places.py: a_cloud_s_folder_a_file_and_links_to_nothing_block",
            "migrate/test_places.py: a_disk_that_can_be_pulled_out_and_the_same_disk_are_told",
        ],
    ),
    30: (
        "a link in the place of a file",
        [
            "migrate/test_in_the_way.py: nothing_is_ever_written_through_a_link",
            "migrate/test_inventory.py: links_folders_and_pipes_are_told_and_nothing_waits",
        ],
    ),
    31: (
        "a pipe or a folder in the place of a file",
        [
            "migrate/test_in_the_way.py: a_pipe_is_not_even_opened",
        ],
    ),
    32: (
        "strange names",
        [
            "migrate/test_copy.py: a_name_may_be_strange",
            "migrate/test_inventory.py: names_of_any_kind_are_told_as_they_are",
            "migrate/test_evidence.py: the_page_holds_it_all_as_text",
        ],
    ),
    33: (
        "conflict copies",
        [
            "migrate/test_inventory.py: conflict_copies_and_others_are_listed_and_stay",
        ],
    ),
    34: (
        "a dataless file",
        [
            "migrate/test_inventory.py: what_icloud_took_away_is_not_downloaded_and_is_not_opened",
        ],
    ),
    35: (
        "a read ends in a deadlock error",
        [
            "migrate/test_disk.py: a_source_that_can_be_read_at_the_second_try_is_copied",
        ],
    ),
    36: (
        "a read blocks for ever",
        [
            "host/test_fetched.py: a_read_that_blocks_for_ever_is_ended",
            "host/test_fetched.py: one_that_stalls_in_the_middle_is_ended_too",
        ],
    ),
    37: (
        "a placeholder of iCloud",
        [
            "migrate/test_inventory.py: what_icloud_took_away_is_not_downloaded_and_is_not_opened",
        ],
    ),
    38: (
        "a recorded pid is another program's by now",
        [
            "host/test_processes.py: a_pid_that_is_another_s_by_now_is_left_alone",
        ],
    ),
    39: (
        "the old collector ignores SIGTERM",
        [
            "migrate/test_switch.py: one_that_does_not_end_is_not_killed_and_everything_is_as_before",
        ],
    ),
    40: (
        "the old collector tears its file when it ends",
        [
            "migrate/test_switch.py: one_that_tears_its_file_at_the_end_loses_nothing",
        ],
    ),
    41: (
        "somebody starts the old collector again",
        [
            "migrate/test_switch.py: one_that_is_started_again_by_somebody_stops_the_switch_and_is_left_alone",
            "migrate/test_watching.py: its_lines_tick_themselves_from_what_was_seen_and_a_second_writer_stops_it",
        ],
    ),
    42: (
        "processes that have ended, or are not ours to see",
        [
            "host/test_processes.py: what_the_system_does_not_let_us_see_is_said",
            "host/test_processes.py: a_process_that_ends_when_asked_is_gone",
        ],
    ),
    43: (
        "our engine cannot collect",
        [
            "migrate/test_switch.py: where_our_engine_cannot_collect_nothing_is_ended",
        ],
    ),
    44: (
        "our engine lives and gets nothing",
        [
            "migrate/test_switch.py: where_nothing_new_arrives_it_goes_back_by_itself",
        ],
    ),
    45: (
        "our engine writes and the data are old",
        [
            "migrate/test_switch.py: where_nothing_new_arrives_it_goes_back_by_itself",
        ],
    ),
    46: (
        "a crash between the end of the old and the start of the new",
        [
            "migrate/test_switch.py: a_switch_that_is_killed_anywhere_is_gone_on_with",
            "migrate/test_undertaking.py: a_switch_that_was_not_finished_is_said_loudly",
        ],
    ),
    68: (
        "mutations of a compared file",
        [
            "migrate/test_compare.py: a_value_that_is_off_blocks_in_the_new_file_and_not_in_the_old_one",
            "migrate/test_compare.py: swapped_ids_and_shifted_intervals_are_named",
            "migrate/test_compare.py: a_row_that_the_new_file_lacks_or_made_up_blocks",
            "migrate/test_compare.py: the_tolerance_is_the_datasets_own",
        ],
    ),
    69: (
        "too little to compare",
        [
            "migrate/test_compare.py: too_little_is_no_pass_and_wrong_is_wrong_however_little_there_is",
            "migrate/test_parallel.py: too_little_is_no_evidence_yet",
        ],
    ),
    70: (
        "the same against the same",
        [
            "migrate/test_compare.py: the_same_against_the_same_has_no_difference",
        ],
    ),
    71: (
        "a rollback after the switch",
        [
            "migrate/test_switch.py: the_old_one_ends_ours_goes_on_and_back_again_every_row_is_in_the_old_files",
            "migrate/test_machine.py: whatever_happens_in_whatever_order_the_invariants_hold",
        ],
    ),
    72: (
        "a rollback is interrupted",
        [
            "migrate/test_switch.py: a_way_back_that_is_killed_anywhere_is_gone_on_with",
        ],
    ),
    73: (
        "an old file cannot be read when it is gone back",
        [
            "migrate/test_switch.py: an_old_file_that_cannot_be_read_blocks_the_way_back_and_a_whole_one_is_offered",
        ],
    ),
    77: (
        "git, launchctl or crontab are absent, fail, or talk rubbish",
        [
            "host/test_supervisor.py: a_command_that_fails_is_shown_with_what_it_said",
            "host/test_repository.py: no_repository_and_no_git_are_said",
            "host/test_repository.py: rubbish_of_another_git_is_no_crash",
        ],
    ),
    82: (
        "secrets in an environment, a .env, a command line, a crontab, an address, an exception",
        [
            "test_masking.py: no_secret_of_a_command_line_is_left_and_its_program_is",
            "test_masking.py: a_command_line_without_a_secret_comes_through_unchanged",
            "test_secrets.py: an_address_with_a_password_is_refused_and_told_without_it",
            "test_secrets.py: the_log_and_the_event_feed_tell_no_secret_a_traceback_neither",
            "migrate/test_move.py: there_and_back_and_there_again",
            "migrate/test_private.py: only_the_private_file_has_the_words_and_the_old_collector_is_started_with_them",
            "migrate/test_private.py: the_evidence_of_a_journal_that_has_the_words_in_clear_has_them_not",
        ],
    ),
    83: (
        "a .env is open to others, is a link, lacks keys or has unknown ones",
        [
            "migrate/test_env.py: what_is_shown_has_the_changed_lines_and_no_secret",
            "test_secrets.py: what_is_kept_is_for_this_user_alone_whatever_the_umask",
            "test_secrets.py: files_that_an_earlier_version_left_open_to_others_are_closed_when_they_are_opened",
        ],
    ),
    91: (
        "the settings of a move are changed under way",
        [
            "migrate/test_wizard.py: a_move_of_other_things_is_not_gone_on_with",
            "cli/test_migrate.py: a_move_through_its_first_steps_stands_as_the_journal_says",
        ],
    ),
    92: (
        "the browser is closed in the middle of a step",
        [
            "ui/test_migration.py: there_and_back_and_there_again",
            "ui/test_migration.py: a_killed_app_comes_back_to_where_the_move_stood",
        ],
    ),
    93: (
        "another computer writes the source",
        [
            "migrate/test_switch.py: another_computer_that_writes_there_is_noticed",
        ],
    ),
}


@cache
def _names(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("number", ROWS)
def test_the_tests_of_a_fault_are_there(number: int) -> None:
    for one in ROWS[number][1]:
        file, _, name = one.partition(": ")
        assert f"test_{name}" in _names(file), f"{number}: {one}"


def test_every_fault_of_the_move_has_its_place() -> None:
    wanted = {*range(1, 47), *range(68, 74), 77, 82, 83, *range(91, 94)}
    assert wanted == set(ROWS)
