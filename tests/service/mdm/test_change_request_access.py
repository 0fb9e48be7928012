"""Who may ask for and decide on what, what stays hidden, and what is refused as bad input."""

from collections.abc import Callable
from functools import partial

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, item_pb2, party_pb2, supplier_pb2
from concord.mdm.v1 import change_request_pb2 as pb
from tests.support.hub.masters import rid
from tests.support.hub.requesting import NORTH, Requester, packed, person
from tests.support.hub.served import EVERYTHING, WRITER, ServedHub, refused

Supplier = supplier_pb2.Supplier
SECRET = "DE02120300000000202051"


@pytest.fixture(scope="session")
def buyer(shared_mesh: ServedHub) -> Requester:
    """Somebody who asks, and may see everything."""
    return person(shared_mesh, "buyer")


@pytest.fixture(scope="session")
def steward(shared_mesh: ServedHub) -> Requester:
    """Somebody else, who decides."""
    return person(shared_mesh, "steward")


@pytest.fixture(scope="session")
def uncleared(shared_mesh: ServedHub) -> Requester:
    """A third, who may not see RESTRICTED values."""
    return person(shared_mesh, "uncleared", WRITER)


def paid(number: str = SECRET) -> Supplier:
    return Supplier(bank_accounts=[party_pb2.BankAccount(code="MAIN", account_number=number, currency_code="EUR")])


def number_in(request: pb.ChangeRequest) -> str:
    found = Supplier()
    request.changes[0].wanted.Unpack(found)
    return found.bank_accounts[0].account_number


def test_restricted_values_are_sealed_and_shown_only_to_who_may_see_them(
    shared_mesh: ServedHub, buyer: Requester, uncleared: Requester
) -> None:
    asked = buyer.ask(buyer.create(legal_name="Paid"), paid())
    assert number_in(asked) == SECRET
    hidden = uncleared.read(asked)
    assert (hidden.changes[0].path, number_in(hidden)) == ("bank_accounts[MAIN]", "")
    (difference,) = uncleared.compare(asked).differences
    assert SECRET not in str(difference.wanted.value)
    stored = shared_mesh.hub.rows("SELECT record, body FROM revisions WHERE starts_with(record, 'changeRequests/')")
    (body,) = (body for record, body in stored if record == asked.name)
    assert isinstance(body, bytes)
    assert b"EUR" in body
    assert SECRET.encode() not in body


def test_nobody_asks_for_approves_or_chooses_between_values_that_they_may_not_see(
    buyer: Requester, steward: Requester, uncleared: Requester
) -> None:
    record = buyer.create(legal_name="Paid")
    blind = refused(lambda: uncleared.ask(record, paid(), ["bank_accounts"]))
    assert (blind.reason, blind.metadata["field"]) == (reasons.ERROR_REASON_PERMISSION_MISSING, "bank_accounts")
    asked = buyer.ask(record, paid())
    assert refused(lambda: uncleared.approve(asked)).reason == reasons.ERROR_REASON_PERMISSION_MISSING
    steward.update(record.name, bank_accounts=paid("DE1").bank_accounts)
    choice = {"bank_accounts[MAIN]": pb.ConflictChoice.SIDE_PRESENT}
    assert refused(lambda: uncleared.rebase(asked, **choice)).reason == reasons.ERROR_REASON_PERMISSION_MISSING


def test_what_is_out_of_scope_is_not_found_and_not_counted(shared_mesh: ServedHub, buyer: Requester) -> None:
    record = buyer.create(legal_name="Northern")
    asked = buyer.ask(record, Supplier(phone="2"))
    south = person(shared_mesh, "south", entities=["entities/south"])
    for call in (
        lambda: south.read(asked),
        lambda: south.compare(asked),
        lambda: south.approve(asked),
        lambda: south.reject(asked),
        lambda: south.rebase(asked),
        lambda: south.withdraw(asked),
        lambda: south.ask(record, Supplier(phone="3")),
        lambda: south.ask(Supplier(), Supplier(legal_name="New", entities=[NORTH])),
    ):
        assert refused(call).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert (list(south.listed(golden_record=record.name).change_requests), south.listed().total_count) == ([], 0)
    north = person(shared_mesh, "north", entities=[NORTH])
    assert north.listed(golden_record=record.name).total_count == 1
    assert north.approve(asked).state == pb.ChangeRequest.STATE_APPROVED


def test_the_permissions_of_the_records_type_count_besides(shared_mesh: ServedHub, buyer: Requester) -> None:
    record = buyer.create(legal_name="Typed")
    asked = buyer.ask(record, Supplier(phone="2"))
    others = [permission for permission in EVERYTHING if not permission.startswith("mdm.suppliers.")]
    stranger = person(shared_mesh, "stranger", others)
    for call in (
        lambda: stranger.read(asked),
        lambda: stranger.compare(asked),
        lambda: stranger.reject(asked),
        lambda: stranger.ask(record, Supplier(phone="3")),
    ):
        error = refused(call)
        assert (error.reason, error.metadata["permission"]) == (
            reasons.ERROR_REASON_PERMISSION_MISSING,
            "mdm.suppliers.read",
        )
    assert stranger.listed(golden_record=record.name).total_count == 0
    reader = person(shared_mesh, "reader", [*others, "mdm.suppliers.read"])
    assert refused(lambda: reader.approve(asked)).metadata["permission"] == "mdm.suppliers.write"
    assert reader.ask(record, Supplier(phone="3")).state == pb.ChangeRequest.STATE_OPEN


def test_who_may_only_ask_does_not_decide(shared_mesh: ServedHub, buyer: Requester) -> None:
    permissions = ["mdm.suppliers.read", "mdm.change_requests.read", "mdm.change_requests.write"]
    requester = person(shared_mesh, "requester", permissions)
    asked = requester.ask(buyer.create(legal_name="Asked"), Supplier(phone="2"))
    assert requester.read(asked).name == asked.name
    for call in (lambda: requester.approve(asked), lambda: requester.reject(asked)):
        assert refused(call).metadata["permission"] == "mdm.change_requests.decide"
    assert requester.withdraw(asked).state == pb.ChangeRequest.STATE_WITHDRAWN


def test_a_repeat_returns_the_first_answer_and_a_rehearsal_keeps_nothing(buyer: Requester, steward: Requester) -> None:
    record = buyer.create(legal_name="Repeated")
    again = rid()
    first, second = (buyer.ask(record, Supplier(phone="2"), request_id=again) for _ in range(2))
    assert first == second
    reused = refused(lambda: buyer.ask(record, Supplier(phone="3"), request_id=again))
    assert reused.reason == reasons.ERROR_REASON_REQUEST_ID_REUSED
    assert buyer.ask(record, Supplier(phone="4"), validate_only=True).state == pb.ChangeRequest.STATE_OPEN
    assert steward.approve(first, validate_only=True).state == pb.ChangeRequest.STATE_APPROVED
    assert buyer.listed(golden_record=record.name).total_count == 1
    assert buyer.supplier(record.name) == record
    again = rid()
    assert steward.approve(first, request_id=again) == steward.approve(first, request_id=again)


def test_requests_are_published_without_what_subscribers_may_not_see(buyer: Requester, uncleared: Requester) -> None:
    asked = buyer.ask(buyer.create(legal_name="Published"), paid())

    watched = uncleared.client.changes.WatchChanges(change_pb2.WatchChangesRequest(record_types=["change_request"]))
    published = (change for answer in watched for change in answer.transaction.changes)
    found = next(change for change in published if change.record == asked.name)
    watched.cancel()
    content = pb.ChangeRequest()
    found.content.Unpack(content)
    assert (content.author, number_in(content)) == ("buyer", "")


def test_bad_input_is_refused_with_its_reason_and_field(buyer: Requester) -> None:
    record = buyer.create(legal_name="Bad")
    new = Supplier()
    moment = Timestamp(seconds=1)
    bad: list[tuple[Callable[[], object], int, str]] = [
        (lambda: buyer.ask(record, Supplier(legal_name="Bad")), reasons.ERROR_REASON_INVALID_CONTENT, "update_mask"),
        (lambda: buyer.ask(record, Supplier(duns="1")), reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "content.duns"),
        (
            lambda: buyer.ask(record, Supplier(lei="9999009KEQ3R1RWIXO07")),
            reasons.ERROR_REASON_INVALID_CONTENT,
            "lei",
        ),
        (lambda: buyer.ask(record, item_pb2.Item()), reasons.ERROR_REASON_MALFORMED_MESSAGE, "content"),
        (lambda: buyer.ask(record, new, ["legal_nmae"]), reasons.ERROR_REASON_UNKNOWN_FIELD, "update_mask"),
        (lambda: buyer.ask(record, new, ["state"]), reasons.ERROR_REASON_FIELD_NOT_WRITABLE, "update_mask"),
        (
            lambda: buyer.ask(record, Supplier(name="suppliers/other", phone="2")),
            reasons.ERROR_REASON_CONSTRAINT_VIOLATED,
            "content.name",
        ),
        (
            lambda: buyer.ask(record, Supplier(phone="2"), effective_time=moment),
            reasons.ERROR_REASON_CONSTRAINT_VIOLATED,
            "effective_time",
        ),
        (
            lambda: buyer.ask(Supplier(name=record.name), Supplier(phone="2")),
            reasons.ERROR_REASON_CONSTRAINT_VIOLATED,
            "etag",
        ),
        (lambda: buyer.ask(new, Supplier(legal_name="New")), reasons.ERROR_REASON_INVALID_CONTENT, "entities"),
        (lambda: buyer.ask(new, Supplier(entities=[NORTH])), reasons.ERROR_REASON_INVALID_CONTENT, "legal_name"),
        (
            lambda: buyer.ask(new, Supplier(name="suppliers/mine", entities=[NORTH])),
            reasons.ERROR_REASON_FIELD_NOT_WRITABLE,
            "content.name",
        ),
        (
            lambda: buyer.ask(new, Supplier(legal_name="New", entities=[NORTH]), ["legal_name"]),
            reasons.ERROR_REASON_CONSTRAINT_VIOLATED,
            "update_mask",
        ),
        (lambda: buyer.ask(new, moment), reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE, "content"),
    ]
    for call, reason, field in bad:
        error = refused(call)
        assert (error.reason, error.violations[0].field) == (reason, field)
    stale = refused(lambda: buyer.ask(Supplier(name=record.name, etag='"none"'), Supplier(phone="2")))
    assert (stale.reason, stale.metadata["etag"]) == (reasons.ERROR_REASON_ETAG_MISMATCH, record.etag)
    for name in ("suppliers/none", "things/1"):
        missing = refused(partial(buyer.ask, Supplier(name=name, etag='"x"'), Supplier(phone="2")))
        assert (missing.reason, missing.metadata["name"]) == (reasons.ERROR_REASON_RECORD_NOT_FOUND, name)


def test_a_conflict_is_decided_once(buyer: Requester) -> None:
    asked = buyer.ask(buyer.create(legal_name="Once"), Supplier(phone="2"))
    choice = pb.ConflictChoice(path="phone", side=pb.ConflictChoice.SIDE_WANTED)
    request = pb.RebaseChangeRequestRequest(
        name=asked.name, etag=asked.etag, choices=[choice, choice], request_id=rid()
    )
    error = refused(lambda: buyer.client.change_requests.RebaseChangeRequest(request))
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "choices")


def test_the_names_of_other_records_are_no_change_requests(buyer: Requester) -> None:
    record = buyer.create(legal_name="Other")
    assert packed(record).value
    request = pb.GetChangeRequestRequest(name=f"changeRequests/{rid()}")
    error = refused(lambda: buyer.client.change_requests.GetChangeRequest(request))
    assert (error.reason, error.metadata["name"]) == (reasons.ERROR_REASON_RECORD_NOT_FOUND, request.name)
