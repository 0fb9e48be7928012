"""Postings on the command line, against a running hub."""

import uuid

import pytest
from google.protobuf.json_format import ParseDict

from concord.mdm.v1 import account_pb2, ledger_pb2
from tests.support.command_line import CommandLine
from tests.support.hub.served import ServedHub
from tests.support.hub.stored import GROUP
from tests.unit.mdm.test_ledger import STRUCTURE


@pytest.fixture(autouse=True)
def _books(mesh: ServedHub) -> None:
    """A ledger that is open in July 2026 and closed in June, with an account."""
    client = mesh.client()
    said = ParseDict(STRUCTURE | {"entity": GROUP}, ledger_pb2.Ledger())
    client.ledgers.CreateLedger(ledger_pb2.CreateLedgerRequest(ledger=said, request_id=str(uuid.uuid4())))
    account = account_pb2.Account(entities=[GROUP], ledger="ledgers/general", account_number="1000")
    account.segments.add(name="natural", value="1000")
    client.accounts.CreateAccount(account_pb2.CreateAccountRequest(account=account, request_id=str(uuid.uuid4())))


def test_a_posting_that_may_be_made_is_told_so(concord: CommandLine) -> None:
    posting = ("validate-posting", "general", "1000", "--date", "2026-07-15")
    assert concord.done(*posting) == "it may be posted on 2026-07-15\n"
    assert concord.asked(*posting) == {"allowed": True}
    assert concord.asked(*posting, "--currency", "USD") == {"allowed": True}


def test_all_that_stands_in_the_way_of_a_posting_is_told(concord: CommandLine) -> None:
    posting = ("validate-posting", "ledgers/general", "9", "--date", "2026-06-03", "--cost-center", "9")
    said = concord(*posting)
    assert said.status == 1
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "KIND",
        "account_unknown",
        "period_closed",
        "cost_center_unknown",
    ]
    told = concord(*posting, "--json")
    assert (told.status, len(told.json["violations"])) == (1, 3)


def test_a_posting_to_no_ledger_or_on_no_day_is_refused(concord: CommandLine) -> None:
    assert "RECORD_NOT_FOUND" in concord("validate-posting", "nowhere", "1000").err
    assert concord("validate-posting", "general", "1000", "--date", "2026-02-30").status == 2
