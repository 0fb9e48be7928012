"""Ledgers and postings, as callers meet them."""

import uuid

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import account_pb2, cost_center_pb2, ledger_pb2, tree_pb2
from tests.support.hub.served import Client, ServedHub, refused
from tests.support.hub.stored import GROUP, statement
from tests.support.waiting import eventually
from tests.unit.mdm.test_ledger import STRUCTURE

JULY = Date(year=2026, month=7, day=15)


def rid() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def ledger(steward: Client) -> ledger_pb2.Ledger:
    said = ParseDict(STRUCTURE | {"entity": GROUP}, ledger_pb2.Ledger())
    request = ledger_pb2.CreateLedgerRequest(ledger=said, request_id=rid())
    return steward.ledgers.CreateLedger(request).ledger


def account(steward: Client, number: str, **segments: str) -> account_pb2.Account:
    said = account_pb2.Account(entities=[GROUP], ledger="ledgers/general", account_number=number)
    said.segments.extend(account_pb2.AccountSegment(name=name, value=value) for name, value in segments.items())
    request = account_pb2.CreateAccountRequest(account=said, request_id=rid())
    return steward.accounts.CreateAccount(request).account


def posting(steward: Client, number: str, **more: object) -> ledger_pb2.ValidatePostingResponse:
    request = ledger_pb2.ValidatePostingRequest(
        ledger="ledgers/general",
        account_number=number,
        **{"posting_date": JULY, **more},
    )
    return steward.validation.ValidatePosting(request)


def test_a_ledger_is_registered_read_listed_and_changed_under_its_etag(
    mesh: ServedHub, steward: Client, ledger: ledger_pb2.Ledger
) -> None:
    got = steward.ledgers.GetLedger(ledger_pb2.GetLedgerRequest(name=ledger.name)).ledger
    assert got == ledger
    assert list(steward.ledgers.ListLedgers(ledger_pb2.ListLedgersRequest()).ledgers) == [ledger]
    changed = ledger_pb2.Ledger(name=ledger.name, display_name="Books")
    request = ledger_pb2.UpdateLedgerRequest(ledger=changed, etag=ledger.etag, request_id=rid())
    updated = steward.ledgers.UpdateLedger(request).ledger
    assert (updated.display_name, updated.revision, len(updated.segments)) == ("Books", 2, 2)
    request.request_id = rid()
    assert refused(lambda: steward.ledgers.UpdateLedger(request)).reason == reasons.ERROR_REASON_ETAG_MISMATCH
    wrong = ledger_pb2.UpdateLedgerRequest(
        ledger=changed, update_mask=FieldMask(paths=["revision"]), etag=updated.etag, request_id=rid()
    )
    assert refused(lambda: steward.ledgers.UpdateLedger(wrong)).reason == reasons.ERROR_REASON_FIELD_NOT_WRITABLE
    south = mesh.client(entities=["entities/south"])
    hidden = ledger_pb2.GetLedgerRequest(name=ledger.name)
    assert refused(lambda: south.ledgers.GetLedger(hidden)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_a_structure_that_contradicts_itself_is_refused(steward: Client, ledger: ledger_pb2.Ledger) -> None:
    other = ledger_pb2.Ledger(name="ledgers/other", display_name="x", entity=GROUP, currency_code="USD")
    other.segments.extend([ledger.segments[0], ledger.segments[0]])
    request = ledger_pb2.CreateLedgerRequest(ledger=other, request_id=rid())
    error = refused(lambda: steward.ledgers.CreateLedger(request))
    assert (error.reason, error.violations[0].field) == (
        reasons.ERROR_REASON_INVALID_CONTENT,
        "ledger.segments[natural]",
    )


@pytest.mark.usefixtures("ledger")
def test_a_stewards_account_is_as_its_ledger_says(steward: Client) -> None:
    error = refused(lambda: account(steward, "6000", natural="6000"))
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_INVALID_CONTENT, "segments[fund]")
    assert "grants are audited" in error.violations[0].description
    made = account(steward, "6000-A", natural="6000", fund="A")
    broken = account_pb2.Account(name=made.name, segments=[account_pb2.AccountSegment(name="natural", value="1")])
    request = account_pb2.UpdateAccountRequest(account=broken, etag=made.etag, request_id=rid())
    assert refused(lambda: steward.accounts.UpdateAccount(request)).violations[0].field == "segments[natural]"


@pytest.mark.usefixtures("ledger")
def test_an_account_of_an_unregistered_ledger_is_a_systems_word_and_no_stewards(
    mesh: ServedHub, steward: Client
) -> None:
    said = account_pb2.Account(entities=[GROUP], ledger="ledgers/unknown", account_number="1")
    request = account_pb2.CreateAccountRequest(account=said, request_id=rid())
    assert refused(lambda: steward.accounts.CreateAccount(request)).violations[0].field == "ledger"
    said.ClearField("entities")
    mesh.hub.submit(statement("systems/erp", "1", said))
    assert len(steward.accounts.ListAccounts(account_pb2.ListAccountsRequest()).accounts) == 1


def test_a_posting_is_allowed_in_an_open_period_and_as_of_then(
    mesh: ServedHub, steward: Client, ledger: ledger_pb2.Ledger
) -> None:
    account(steward, "1000", natural="1000")
    assert posting(steward, "1000").allowed
    closed = posting(steward, "1000", posting_date=Date(year=2026, month=6, day=3))
    assert [each.kind for each in closed.violations] == [ledger_pb2.PostingViolation.KIND_PERIOD_CLOSED]
    unknown = posting(steward, "9", cost_center_code="9")
    assert [each.kind for each in unknown.violations] == [
        ledger_pb2.PostingViolation.KIND_ACCOUNT_UNKNOWN,
        ledger_pb2.PostingViolation.KIND_COST_CENTER_UNKNOWN,
    ]
    eventually(lambda: not mesh.hub.rows("SELECT 1 FROM spool"))
    then = Timestamp()
    then.FromDatetime(mesh.hub.rows("SELECT max(published_at) FROM positions")[0][0])  # type: ignore[arg-type]
    ledger.periods[1].state = ledger_pb2.PostingPeriod.STATE_CLOSED
    shut = ledger_pb2.UpdateLedgerRequest(
        ledger=ledger, update_mask=FieldMask(paths=["periods"]), etag=ledger.etag, request_id=rid()
    )
    steward.ledgers.UpdateLedger(shut)
    eventually(lambda: not mesh.hub.rows("SELECT 1 FROM spool"))
    assert not posting(steward, "1000").allowed
    assert posting(steward, "1000", read_time=then).allowed


def test_a_posting_to_what_is_out_of_scope_tells_nothing_of_it(mesh: ServedHub, steward: Client) -> None:
    said = ledger_pb2.Ledger(name="ledgers/general", display_name="x", entity="entities/south", currency_code="USD")
    steward.ledgers.CreateLedger(ledger_pb2.CreateLedgerRequest(ledger=said, request_id=rid()))
    center = cost_center_pb2.CostCenter(
        entity="entities/north", code="ICU", kind=cost_center_pb2.CostCenter.KIND_DEPARTMENT
    )
    booked = account_pb2.Account(ledger="ledgers/general", account_number="1")
    mesh.hub.submit(statement("systems/erp", "1", center), statement("systems/workforce", "1", booked))
    named = {"cost_center_code": "ICU", "cost_center_entity": "entities/north"}
    (blocked,) = posting(steward, "1", **named).violations
    assert blocked.kind == ledger_pb2.PostingViolation.KIND_COST_CENTER_BLOCKED
    (unknown,) = posting(mesh.client(entities=["entities/south"]), "1", **named).violations
    assert (unknown.kind, unknown.record) == (ledger_pb2.PostingViolation.KIND_COST_CENTER_UNKNOWN, "")


@pytest.mark.usefixtures("ledger")
def test_a_proposal_on_a_ledgers_tree_is_its_entitys(mesh: ServedHub, steward: Client) -> None:
    north = account_pb2.Account(ledger="ledgers/general", account_number="1000")
    mesh.hub.submit(statement("systems/erp", "1", north))
    proposal = tree_pb2.TreeProposal(record_type="account", hierarchy="chart", scope="ledgers/general")
    proposal.effective_date.CopyFrom(JULY)
    proposal.changes.add(key="1000", parent_key="1")
    request = tree_pb2.CreateTreeProposalRequest(tree_proposal=proposal, request_id=rid())
    made = steward.trees.CreateTreeProposal(request).tree_proposal
    found = tree_pb2.GetTreeProposalRequest(name=made.name)
    assert mesh.client(entities=[GROUP]).trees.GetTreeProposal(found).tree_proposal == made
    outsider = mesh.client(entities=["entities/north"])
    assert refused(lambda: outsider.trees.GetTreeProposal(found)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


@pytest.mark.usefixtures("ledger")
def test_a_posting_that_makes_no_sense_is_refused_with_its_field(steward: Client) -> None:
    error = refused(lambda: posting(steward, "1000", posting_date=Date(year=2026, month=2, day=30)))
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "posting_date")
