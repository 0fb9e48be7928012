"""Merging, unmerging and deciding on the command line, against a running hub."""

from dataclasses import replace

import pytest

from concord.mdm.v1.supplier_pb2 import Supplier
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.command_line import CommandLine
from tests.support.hub.modelling import put_in_force
from tests.support.hub.served import ServedHub
from tests.support.hub.stored import statement


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


@pytest.fixture
def waiting(mesh: ServedHub, concord: CommandLine) -> str:
    """The name of a pair that waits, by a model that links nothing alone."""
    model = replace(default_model(SUPPLIER), link_millibits=None)
    put_in_force(mesh.hub, SUPPLIER, model)
    for system in ("erp", "legacy"):
        name = f"Acme Surgical Supply {system}"
        mesh.hub.submit(statement(f"systems/{system}", "1", Supplier(legal_name=name, phone="+1 555 010 1234")))
    (candidate,) = concord.asked("review", "list", "--type", "suppliers", "--unclaimed")
    return str(candidate["name"])


def test_the_queue_is_listed_and_a_pair_shown_claimed_released_and_decided(concord: CommandLine, waiting: str) -> None:
    listed = concord.done("review", "list")
    assert waiting in listed
    assert "PRIORITY" in listed
    shown = concord.done("review", "show", waiting)
    assert "the same (" in shown
    assert "legal_name" in shown
    assert concord.asked("review", "show", waiting)["reasons"]
    assert concord.asked("review", "claim", waiting, "--seconds", "60")["claimant"] == "tester"
    assert concord.asked("review", "list", "--claimant", "tester")[0]["name"] == waiting
    assert concord("review", "list", "--unclaimed").err == "nothing waits\n"
    assert "claimant" not in concord.asked("review", "release", waiting)
    concord.done("review", "decide", waiting, "accept", "--reason", "T-17", "--validate-only")
    decided = concord.asked("review", "decide", waiting, "accept", "--reason", "T-17")
    assert decided["match_decision"]["kind"] == "KIND_MUST_LINK"
    assert len(set(decided["golden_records"])) == 1
    gone = concord("review", "decide", waiting, "reject", "--reason", "T-18")
    assert (gone.status, "RECORD_NOT_FOUND" in gone.err) == (1, True)
