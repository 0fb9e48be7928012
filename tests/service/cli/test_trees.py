"""Trees on the command line, against a running hub."""

from pathlib import Path

import pytest

from concord.mdm.v1 import cost_center_pb2
from tests.support.command_line import CommandLine
from tests.support.hub.served import EVERYTHING, ServedHub
from tests.support.hub.stored import statement

TREE = ("cost-centers", "management", "--scope", "entities/north")
PROPOSAL = """
record_type: cost_center
hierarchy: management
scope: entities/north
effective_date: 2027-01-01
changes:
  - {key: ICU, parent_key: LAB}
rationale: Intensive care reports to the laboratory
"""


@pytest.fixture
def hospital(mesh: ServedHub) -> ServedHub:
    """ALL over NURSE (ICU, ED) and LAB."""
    edges = (("ALL", ""), ("NURSE", "ALL"), ("ICU", "NURSE"), ("ED", "NURSE"), ("LAB", "ALL"))
    for code, parent in edges:
        center = cost_center_pb2.CostCenter(entity="entities/north", code=code)
        piece = center.slices.add(display_name=f"Ward {code}")
        if parent:
            piece.parents.add(hierarchy="management", parent_code=parent)
        mesh.hub.submit(statement("systems/erp", code, center))
    return mesh


def _drawn(shown: str) -> list[str]:
    return [line.partition("  Ward")[0].rstrip() for line in shown.splitlines()[1:]]


@pytest.mark.usefixtures("hospital")
def test_a_tree_is_drawn_with_its_depth(concord: CommandLine) -> None:
    shown = concord.done("tree", "show", *TREE)
    assert _drawn(shown) == ["ALL", "  LAB", "  NURSE", "    ED", "    ICU"]
    assert _drawn(concord.done("tree", "show", *TREE, "--depth", "1")) == ["ALL", "  LAB", "  NURSE"]
    assert _drawn(concord.done("tree", "show", *TREE, "--root", "NURSE")) == ["NURSE", "  ED", "  ICU"]
    assert concord.asked("tree", "hierarchies", "cost-centers", "--scope", "entities/north") == ["management"]
    assert concord.done("tree", "hierarchies", "cost-centers", "--scope", "entities/north").split()[-1] == "management"
    assert len(concord.asked("tree", "show", *TREE)["nodes"]) == 5


@pytest.mark.usefixtures("hospital")
def test_a_hierarchy_that_there_is_not_is_told_with_those_that_there_are(concord: CommandLine, tmp_path: Path) -> None:
    amounts = tmp_path / "amounts.csv"
    amounts.write_text("key,amount,currency\nICU,0.10,USD\n")
    misspelt = ("cost-centers", "managment", "--scope", "entities/north")
    for words in (
        ("show", *misspelt),
        ("show", *misspelt, "--json"),
        ("roll-up", *misspelt, "--amounts", str(amounts)),
    ):
        said = concord("tree", *words)
        assert said.status == 2
        assert "there is no hierarchy managment of cost-centers in entities/north" in said.err
        assert "there is management" in said.err
    elsewhere = concord("tree", "show", "cost-centers", "management", "--scope", "entities/south")
    assert "nothing of this scope stands in any" in elsewhere.err


@pytest.mark.usefixtures("hospital")
def test_amounts_are_rolled_up_exactly_and_what_has_no_place_is_told(concord: CommandLine, tmp_path: Path) -> None:
    amounts = tmp_path / "amounts.csv"
    amounts.write_text("key,amount,currency\nICU,0.10,USD\nED,0.20,USD\nLAB,-1,USD\nGONE,5,EUR\n")
    answer = concord.asked("tree", "roll-up", *TREE, "--amounts", str(amounts))
    totals = {total["node"]["key"]: total["total"][0] for total in answer["totals"]}
    assert totals["NURSE"] == {"currency_code": "USD", "nanos": 300_000_000}
    shown = concord.done("tree", "roll-up", *TREE, "--amounts", str(amounts))
    assert "ALL      -0.70 USD" in shown
    assert "unplaced  GONE  5.00 EUR" in shown
    for broken in ("ICU,much,USD\n", "ICU\n", "ICU,0.0000000001,USD\n"):
        amounts.write_text(broken)
        refused = concord("tree", "roll-up", *TREE, "--amounts", str(amounts))
        assert (refused.status, "line 1 of" in refused.err) == (2, True)


def test_a_proposal_is_made_compared_and_promoted_by_a_second_person(concord: CommandLine, hospital: ServedHub) -> None:
    name = concord.asked("tree", "propose", "-f", "-", "--reason", "T-17", given=PROPOSAL)["name"]
    assert name in concord.done("tree", "proposals", "--state", "proposed")
    compared = concord.done("tree", "compare", name)
    assert "ICU  moved  NURSE          LAB" in compared
    assert "Intensive care" in concord.done("get", name)
    as_it_would_be = concord.done("tree", "show", *TREE, "--proposal", name)
    assert _drawn(as_it_would_be) == ["ALL", "  LAB", "    ICU", "  NURSE", "    ED"]
    by_author = concord("tree", "promote", name)
    assert (by_author.status, "(SECOND_PERSON_REQUIRED)" in by_author.err) == (1, True)
    assert "somebody else than its author" in by_author.err
    token = hospital.issuer.issue("second", "tests", EVERYTHING, ("*",))
    concord.done("login", "--token-file", "-", given=token)
    assert concord.asked("tree", "promote", name)["state"] == "STATE_PROMOTED"
    assert concord("tree", "withdraw", name).status == 1
    assert concord.asked("tree", "proposals", "--state", "proposed") == []


@pytest.mark.usefixtures("hospital")
def test_what_stands_in_the_way_of_a_proposal_is_told(concord: CommandLine) -> None:
    cycle = PROPOSAL.replace("{key: ICU, parent_key: LAB}", "{key: NURSE, parent_key: ICU}")
    name = concord.asked("tree", "propose", "-f", "-", given=cycle)["name"]
    assert "problem: cycle" in concord.done("tree", "compare", name)
    assert concord.asked("tree", "withdraw", name)["state"] == "STATE_WITHDRAWN"


def test_a_file_that_is_no_proposal_is_refused(concord: CommandLine) -> None:
    assert concord("tree", "propose", "-f", "-", given="record_type: [").status == 2
    refused = concord(
        "tree",
        "propose",
        "-f",
        "-",
        given="hierarchy: management",
    )
    assert (refused.status, "(CONSTRAINT_VIOLATED)" in refused.err) == (1, True)
