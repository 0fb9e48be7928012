"""What a task tells: columns for people, an object for programs, and an exit code for both."""

import json

from services.mesh.report import Report

ROWS = [{"record": "suppliers/1", "kind": "waiting"}, {"record": "items/1", "kind": "other_bytes"}]


def test_rows_stand_in_columns_above_their_sums() -> None:
    assert Report({"differences": 2}, ROWS).table().splitlines() == [
        "RECORD       KIND",
        "suppliers/1  waiting",
        "items/1      other_bytes",
        "differences 2",
    ]


def test_json_holds_the_sums_and_the_rows() -> None:
    assert json.loads(Report({"service": "mdm", "differences": 2}, ROWS).as_json()) == {
        "service": "mdm",
        "differences": 2,
        "rows": ROWS,
    }


def test_only_what_is_alarming_ends_with_another_code() -> None:
    assert (Report({}, ROWS).exit_code, Report({}, [], alarming=True).exit_code) == (0, 1)
