"""Pins, survivorship rules and rebuilding on the command line."""

from datetime import timedelta

import pytest

from concord.audit.v1 import audit_pb2
from concord.mdm.v1 import supplier_pb2
from services.mdm.app import upkeep
from services.mesh.records.store import RevisionDraft
from tests.support.command_line import CommandLine
from tests.support.hub.served import EVERYTHING, ServedHub
from tests.support.hub.stored import A_DAY, ORIGIN, statement
from tests.support.waiting import eventually

UNTIL = ("--until", "2099-01-01")
RULES = """
record_type: supplier
groups:
  - {group: legal_name, criteria: [CRITERION_RECENCY]}
rationale: The newest word counts
"""


def said(mesh: ServedHub, system: str, name: str, day: int) -> None:
    content = supplier_pb2.Supplier(legal_name=name, duns="100000001")
    mesh.hub.submit(statement(f"systems/{system}", "1", content, at=A_DAY + timedelta(days=day)))


@pytest.fixture
def disputed(mesh: ServedHub, concord: CommandLine) -> str:
    """A supplier that the ERP calls Erp, and the less trusted legacy system later Legacy."""
    said(mesh, "erp", "Erp", 0)
    said(mesh, "legacy", "Legacy", 1)
    (found,) = concord.asked("list", "suppliers")
    return str(found["name"])


def test_a_value_is_pinned_explained_and_let_go(concord: CommandLine, disputed: str) -> None:
    made = concord.asked(
        *("pins", "set", disputed, "legal_name", "-f", "-", *UNTIL, "--reason", "T-17"), given="legal_name: Pinned"
    )
    assert concord.asked("get", disputed)["legal_name"] == "Pinned"
    assert "Pinned" in concord.done("explain", disputed)
    (value, *_) = [each for each in concord.asked("explain", disputed)["values"] if each["path"] == "legal_name"]
    assert (value["rule"], value["pin"]["reason"]) == ("RULE_PIN", "T-17")
    told = " ".join(concord.done("explain", disputed, "--path", "legal_name").split())
    assert f"said by tester, {made['name']}, since" in told
    assert "until 2" in told
    assert "T-17 (pin)" in told
    assert made["name"] in concord.done("pins", "list", "--state", "active", "--golden-record", disputed)
    assert "Pinned" in concord.done("get", made["name"])
    assert "unpinned" in concord.done("pins", "end", made["name"])
    assert concord.asked("get", disputed)["legal_name"] == "Erp"


def test_an_overtaken_pin_leaves_a_notice_until_it_is_acknowledged(
    concord: CommandLine, mesh: ServedHub, disputed: str
) -> None:
    concord.done("pins", "set", disputed, "legal_name", "--empty", *UNTIL, "--reason", "T-17")
    said(mesh, "erp", "Moved", 2)
    (notice,) = concord.asked("pins", "notices")
    assert (notice["state"], notice["overtaken_by"][0]["value"]) == ("STATE_OVERTAKEN", '"Moved"')
    assert notice["name"] in concord.done("pins", "notices", "--golden-record", disputed)
    assert concord.asked("pins", "acknowledge", notice["name"])["acknowledged_by"] == "tester"
    assert concord.asked("pins", "notices") == []


def test_a_pin_needs_a_value_a_reason_and_a_golden_record(concord: CommandLine, disputed: str) -> None:
    for words in (
        (disputed, "legal_name", *UNTIL, "--reason", "x"),
        (disputed, "legal_name", "--empty", *UNTIL),
        ("systems/erp", "display_name", "-f", "-", *UNTIL, "--reason", "x", "--etag", "x"),
    ):
        assert concord("pins", "set", *words, given="legal_name: x").status == 2


def test_rules_are_proposed_compared_and_promoted_by_a_second_person(
    concord: CommandLine, mesh: ServedHub, disputed: str
) -> None:
    name = concord.asked("survivorship", "propose", "-f", "-", "--reason", "T-17", given=RULES)["name"]
    assert name in concord.done("survivorship", "proposals", "--state", "proposed")
    (difference,) = concord.asked("survivorship", "compare", name)
    assert (difference["before"]["value"], difference["after"]["value"]) == ('"Erp"', '"Legacy"')
    assert disputed in concord.done("survivorship", "compare", name)
    tried = concord.asked("whatif", "survivorship", name)
    assert (tried["summary"]["value_count"], tried["summary"]["golden_record_count"]) == (1, 1)
    assert (tried["values"], tried["ending_pins"]) == ([difference], [])
    assert "1 values of 1 golden records would change" in concord.done("whatif", "survivorship", name)
    by_author = concord("survivorship", "promote", name)
    assert (by_author.status, "(SECOND_PERSON_REQUIRED)" in by_author.err) == (1, True)
    token = mesh.issuer.issue("second", "tests", EVERYTHING, ("*",))
    concord.done("login", "--token-file", "-", given=token)
    assert "promoted" in concord.done("survivorship", "promote", name)
    jobs = upkeep(mesh.hub.parts, mesh.hub.database, idle_pause_s=0.02)
    for job in jobs:
        job.start()
    try:
        eventually(lambda: concord.asked("get", disputed)["legal_name"] == "Legacy")
        eventually(lambda: concord.asked("survivorship", "show", "suppliers")["reevaluation"].get("finished"))
    finally:
        for job in jobs:
            job.stop()
    shown = concord.asked("survivorship", "list")
    assert [(each["name"], each.get("revision")) for each in shown if each.get("revision")] == [
        ("survivorshipRules/supplier", "1")
    ]
    concord.done("survivorship", "list")
    retiring = concord.asked("survivorship", "retire", "suppliers")["name"]
    concord.log_in(mesh.issuer, EVERYTHING, subject="third")
    concord.done("survivorship", "promote", retiring)
    assert concord.asked("survivorship", "show", "suppliers")["retired"]
    assert "third" in concord.done("survivorship", "show", "suppliers")


def test_a_proposal_is_given_up(concord: CommandLine) -> None:
    name = concord.asked("survivorship", "propose", "-f", "-", given=RULES)["name"]
    assert "withdrawn" in concord.done("survivorship", "withdraw", name)
    assert concord.asked("survivorship", "proposals", "--state", "proposed") == []


def test_rebuilding_lists_what_differs_and_puts_it_right_only_when_told(
    concord: CommandLine, mesh: ServedHub, disputed: str
) -> None:
    assert concord.asked("rebuild") == []
    with mesh.hub.database.transaction() as connection:
        store = mesh.hub.parts.store
        revision = store.read(connection, [disputed])[disputed]
        content = supplier_pb2.Supplier(legal_name="Planted", duns="100000001")
        draft = RevisionDraft(
            record=disputed,
            record_type="supplier",
            operation=audit_pb2.OPERATION_UPDATE,
            content=content,
            head=revision.head,
            entities=revision.entities,
            inputs=store.inputs(revision),
        )
        store.append(connection, [draft], ORIGIN)
    for _ in range(2):
        (found,) = concord.asked("rebuild", "suppliers", "--chunk", "1")
        assert (found["golden_record"], found["kind"], found["paths"]) == (disputed, "KIND_CONTENT", ["legal_name"])
    shown = concord("rebuild", "suppliers")
    assert "1 golden records were recomputed, 1 differ" in shown.err
    assert disputed in concord.done("rebuild", "suppliers")
    concord.done("rebuild", "suppliers", "--write", "--reason", "T-17")
    assert (concord.asked("rebuild"), concord.asked("get", disputed)["legal_name"]) == ([], "Erp")
    assert concord("rebuild", "--from", "x").status == 2
    assert concord("rebuild", "suppliers", "--from", "x").status == 1
