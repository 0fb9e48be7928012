"""What users of existing master-data tools complain of: each complaint has a test that fails when it is true here."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
_LINKS = "service/mdm/test_complaints_linking.py"
_MATCHING = "storage/mdm/test_matching.py"

COMPLAINTS: Mapping[str, tuple[str, ...]] = {
    "manual links are overwritten": (
        f"{_LINKS}::test_manual_links_are_not_overwritten_by_what_systems_say_later",
        f"{_MATCHING}::test_a_decision_survives_a_new_model",
    ),
    "the golden record is not rebuilt when a link changes": (
        f"{_LINKS}::test_the_golden_record_is_rebuilt_when_a_link_changes",
    ),
    "survivorship is skipped from the second record on": (
        f"{_LINKS}::test_survivorship_counts_from_the_second_record_on",
        "storage/mdm/test_reevaluation.py::test_survivorship_is_not_skipped_from_the_second_record_on",
    ),
    "one source record ends in two golden records when two reviews are accepted at once": (
        f"{_LINKS}::test_two_reviews_accepted_at_once_end_in_one_golden_record",
        f"{_LINKS}::test_one_source_record_never_belongs_to_two_golden_records",
    ),
    "a merge depends on its direction": (f"{_LINKS}::test_a_merge_does_not_depend_on_its_direction",),
    "a broken pair comes together again through a third record": (
        f"{_MATCHING}::test_a_broken_pair_does_not_come_together_again_through_a_third_record_and_the_steward_is_asked",
        "unit/mdm/matching/test_clustering.py::test_a_third_record_that_bridges_a_broken_pair_is_asked_about",
    ),
    "a match can't be tried out": (
        "service/mdm/test_model_trials.py::test_a_match_can_be_tried_out_without_writing",
        "service/cli/test_modelling.py::test_a_model_is_tried_out_before_it_decides",
    ),
    "ids change when the model is retrained": (f"{_MATCHING}::test_names_stay_when_a_model_is_retrained",),
    "the incremental result differs from the batch result": (
        f"{_MATCHING}::test_incremental_and_batch_end_in_the_same_links_whatever_the_order",
        "unit/mdm/matching/test_clustering.py::test_the_order_of_arrival_and_the_direction_of_pairs_do_not_matter",
    ),
    "the review queue points at deleted golden records": (
        f"{_LINKS}::test_a_review_never_points_at_a_golden_record_that_is_deleted_or_merged",
    ),
    "nobody can say how long the queue is": (f"{_LINKS}::test_the_queue_counts_what_it_lists_and_says_why",),
    "retries know no bound and go on after being switched off": (
        "unit/adapter/test_pause.py::test_a_failing_system_is_tried_less_and_less_down_to_once_a_minute",
        "service/adapter/test_operating.py::test_retries_of_a_failing_system_stop_when_it_is_switched_off",
        "service/mesh/test_client.py::test_a_call_that_nobody_took_is_repeated_three_times_at_most",
    ),
    "imports drop rows silently": (
        "service/mdm/test_imports.py::test_an_import_drops_no_row_silently",
        "service/cli/test_importing.py::test_every_row_of_a_file_is_accounted_for",
    ),
    "a merge job loses history": (f"{_LINKS}::test_no_history_is_lost_by_a_merge",),
    "change events come out of order": (
        "storage/mesh/test_feed_promises.py::test_ordered_when_the_lower_transaction_id_commits_the_later_revision",
        "service/mdm/test_feed.py::test_two_replicas_serve_the_same_feed_while_both_are_written_to",
    ),
    "change events come ten minutes late": ("service/mdm/test_feed.py::test_a_change_reaches_who_watches_at_once",),
    "a changed code map emits no event": (
        "service/mdm/test_code_maps.py::test_complaint_a_code_map_change_emits_an_event_for_every_touched_record",
    ),
    "unmerge exists in the user interface only": (
        f"{_LINKS}::test_unmerge_is_no_loss_for_multi_valued_fields_and_for_the_stewards_own_word",
        "service/cli/test_linking.py::test_records_are_merged_and_unmerged",
    ),
    "unmerge loses values of fields that hold many": (
        f"{_LINKS}::test_unmerge_is_no_loss_for_multi_valued_fields_and_for_the_stewards_own_word",
        "storage/mdm/test_merging.py::test_the_same_links_have_the_same_names_and_digests_however_they_came_about",
    ),
    "to tune, everything is wiped and built anew": (
        "service/mdm/test_match_models.py::test_a_changed_cut_needs_no_training_and_no_rebuild",
        f"{_MATCHING}::test_a_population_is_matched_again_piece_by_piece_when_a_model_comes_into_force",
    ),
}


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_a_complaint_has_a_test_that_runs(complaint: str) -> None:
    for test in COMPLAINTS[complaint]:
        path, _, name = test.partition("::")
        assert name in _running(TESTS / path), test


@cache
def _running(file: Path) -> frozenset[str]:
    """Return the tests of a file that nothing skips or expects to fail."""
    functions = [each for each in ast.parse(file.read_text()).body if isinstance(each, ast.FunctionDef)]
    return frozenset(each.name for each in functions if not any(map(_disarms, each.decorator_list)))


def _disarms(decorator: ast.expr) -> bool:
    return any(word in ast.unparse(decorator) for word in ("skip", "xfail"))
