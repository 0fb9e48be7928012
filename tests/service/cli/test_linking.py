"""Merging, unmerging and deciding on the command line, against a running hub."""

import pytest

from concord.mdm.v1.supplier_pb2 import Supplier
from tests.support.command_line import CommandLine
from tests.support.hub import statement
from tests.support.served_hub import ServedHub


@pytest.fixture
def two(mesh: ServedHub, concord: CommandLine) -> list[dict[str, str]]:
    """Two source records of one supplier, each with a golden record of its own."""
    mesh.hub.submit(statement("systems/erp", "1", Supplier(legal_name="Acme")))
    mesh.hub.submit(statement("systems/legacy", "1", Supplier(legal_name="ACME Inc.")))
    found = concord.asked("list", "source-records")
    return [{"source": each["name"], "golden": each["golden_record"]} for each in found]


def test_records_are_merged_and_unmerged(concord: CommandLine, two: list[dict[str, str]]) -> None:
    one, other = two
    unsaid = concord("merge", one["golden"], other["golden"])
    assert (unsaid.status, "say why: --reason TEXT" in unsaid.err) == (2, True)
    concord.done("merge", one["golden"], other["golden"], "--reason", "T-17", "--validate-only")
    assert concord.asked("get", other["golden"])["name"] == other["golden"]
    merged = concord.asked("merge", other["golden"], one["golden"], "--reason", "T-17")
    assert (merged["name"], merged["retired_name"]) == (one["golden"], other["golden"])
    assert concord.asked("get", other["golden"])["name"] == one["golden"]
    assert "merged" in concord.done("history", other["golden"])
    again = concord("merge", other["golden"], one["golden"], "--reason", "T-17")
    assert (again.status, f"concord get {one['golden']}" in " ".join(again.err.split())) == (1, True)
    concord.done("unmerge", other["source"], "--reason", "T-18", "--validate-only")
    unmerged = concord.asked("unmerge", other["source"], "--reason", "T-18")
    assert (unmerged["golden_record"], unmerged["other_golden_record"]) == (other["golden"], one["golden"])
    alone = concord("unmerge", other["source"], "--reason", "T-18")
    assert (alone.status, "RECORD_ALONE" in alone.err) == (1, True)


def test_decisions_on_pairs_are_made_listed_and_withdrawn(concord: CommandLine, two: list[dict[str, str]]) -> None:
    pair = [each["source"] for each in two]
    decided = concord.asked("decisions", "cannot-link", *pair, "--reason", "T-17")
    assert (decided["kind"], decided["reason"]) == ("KIND_CANNOT_LINK", "T-17")
    against = concord("merge", *(each["golden"] for each in two), "--reason", "T-18")
    assert (against.status, decided["name"] in against.err) == (1, True)
    assert concord.asked("decisions", "list", "--source-record", pair[1], "--type", "suppliers") == [decided]
    assert "cannot_link" in concord.done("decisions", "list")
    withdrawn = concord.asked("decisions", "withdraw", decided["name"], "--reason", "T-19")
    assert withdrawn["state"] == "STATE_WITHDRAWN"
    assert concord.asked("decisions", "list") == []
    assert concord.asked("decisions", "list", "--withdrawn") == [withdrawn]
    must = concord.asked("decisions", "must-link", *pair, "--reason", "T-20")
    assert must["name"] == decided["name"]
    assert len({each["golden_record"] for each in concord.asked("list", "source-records")}) == 1
    parted = concord("decisions", "cannot-link", *pair, "--reason", "T-21")
    assert (parted.status, "RECORDS_LINKED" in parted.err) == (1, True)
