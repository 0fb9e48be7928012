"""Change requests on the command line."""

import json

from tests.support.command_line import CommandLine
from tests.support.hub.served import EVERYTHING, ServedHub

NAMES = "change-requests"


def as_somebody_else(concord: CommandLine, mesh: ServedHub, subject: str) -> None:
    token = mesh.issuer.issue(subject, "tests", EVERYTHING, ("*",))
    concord.done("login", "--token-file", "-", given=token)


def asked(concord: CommandLine, target: str, given: str, *more: str) -> str:
    made = concord.asked(NAMES, "create", target, "-f", "-", "--reason", "T-17", *more, given=given)
    return str(made["name"])


def test_a_change_is_asked_for_compared_rebased_and_approved_by_a_second_person(
    concord: CommandLine, mesh: ServedHub, acme: str
) -> None:
    whole = concord.asked("get", acme) | {"legal_name": "Wanted", "phone": "2"}
    name = asked(concord, acme, json.dumps(whole))
    assert "open" in concord.done("get", name)
    assert "(SECOND_PERSON_REQUIRED)" in concord(NAMES, "approve", name).err
    as_somebody_else(concord, mesh, "second")
    concord.done("update", acme, "-f", "-", given="legal_name: Is")
    shown = concord.done(NAMES, "compare", name)
    first_look = concord(NAMES, "compare", name).err
    assert all(each in shown for each in ("legal_name", "conflict", "Wanted", "phone", "untouched"))
    name_compared, phone = concord.asked(NAMES, "compare", name)["differences"]
    assert (name_compared["present"]["legal_name"], phone["wanted"]["phone"]) == ("Is", "2")
    refused = concord(NAMES, "rebase", name)
    assert (refused.status, "(CHANGE_REQUEST_CONFLICT)" in refused.err, "legal_name" in refused.err) == (1, True, True)
    rebased = concord.asked(NAMES, "rebase", name, "--present", "legal_name")
    assert [change["path"] for change in rebased["changes"]] == ["phone"]
    as_somebody_else(concord, mesh, "third")
    # Who looked before it was rebased approves nothing.
    compared, now_compared = first_look.rpartition(" ")[2].strip(), concord(NAMES, "compare", name).err
    assert "(ETAG_MISMATCH)" in concord(NAMES, "approve", name, "--etag", compared).err
    etag = now_compared.rpartition(" ")[2].strip()
    assert "approved" in concord.done(NAMES, "approve", name, "--etag", etag, "--reason", "T-17")
    now = concord.asked("get", acme)
    assert (now["legal_name"], now["phone"]) == ("Is", "2")


def test_a_new_record_is_asked_for(concord: CommandLine, mesh: ServedHub) -> None:
    name = asked(concord, "suppliers", "{legal_name: New, entities: [entities/group]}")
    assert concord.asked("list", "suppliers") == []
    assert "a new record" in concord(NAMES, "compare", name).err
    as_somebody_else(concord, mesh, "second")
    founded = concord.asked(NAMES, "approve", name)["golden_record"]
    assert concord.asked("get", founded)["legal_name"] == "New"


def test_requests_are_listed_rejected_and_withdrawn(concord: CommandLine, mesh: ServedHub, acme: str) -> None:
    rejected, withdrawn = (asked(concord, acme, f"phone: '{phone}'") for phone in (2, 3))
    assert rejected in concord.done(NAMES, "list", "--golden-record", acme, "--state", "open", "--author", "tester")
    assert "withdrawn" in concord.done(NAMES, "withdraw", withdrawn)
    as_somebody_else(concord, mesh, "second")
    assert concord(NAMES, "reject", rejected).status == 2
    settled = concord.asked(NAMES, "reject", rejected, "--reason", "the old number")
    assert (settled["state"], settled["rejection_reason"]) == ("STATE_REJECTED", "the old number")
    listed = [each["name"] for each in concord.asked(NAMES, "list", "--type", "suppliers")]
    assert listed == [withdrawn, rejected]
    assert concord.asked(NAMES, "list", "--state", "open") == []


def test_what_makes_no_sense_is_a_mistake(concord: CommandLine, acme: str) -> None:
    for target, given, words in (
        (acme, "phone: '2'", ()),
        (acme, "legal_name: Acme Surgical Supply, Incorporated", ("--reason", "x")),
        (acme, "name: suppliers/other", ("--reason", "x")),
        ("systems/erp", "display_name: x", ("--reason", "x")),
        ("supliers", "legal_name: x", ("--reason", "x")),
    ):
        assert concord(NAMES, "create", target, "-f", "-", *words, given=given).status == 2
