"""Erasure and legal holds on the command line."""

from tests.service.cli.test_change_requests import as_somebody_else
from tests.support.command_line import CommandLine
from tests.support.hub.served import ServedHub


def test_a_record_is_held_released_and_erased_by_a_second_person(
    concord: CommandLine, mesh: ServedHub, acme: str
) -> None:
    concord.done("delete", acme)
    hold = concord.asked("holds", "place", acme, "--reason", "case 7")
    assert hold["name"] in concord.done("holds", "list")
    assert "(SECOND_PERSON_REQUIRED)" in concord("erase", acme, "--reason", "DSR-4").err
    as_somebody_else(concord, mesh, "officer")
    assert "(RECORD_HELD)" in concord("erase", acme, "--reason", "DSR-4").err
    released = concord.asked("holds", "release", hold["name"], "--etag", hold["etag"], "--reason", "settled")
    assert released["released"]
    assert concord.asked("holds", "list") == []
    assert acme in concord.asked("erase", acme, "--reason", "DSR-4")["records"]
    assert "(RECORD_ERASED)" in concord("get", acme).err


def test_what_needs_a_reason_says_so(concord: CommandLine, acme: str) -> None:
    for words in (("erase", acme), ("holds", "place", acme), ("holds", "release", "holds/1", "--etag", "x")):
        refused = concord(*words)
        assert (refused.status, "needs a reason" in refused.err) == (2, True)
