"""Erasure as callers meet it: two persons, typed answers, a feed that goes on, holds within a scope."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, erasure_pb2, hold_pb2, supplier_pb2
from services.mdm.storage.writing.write_path import Applied
from tests.support.hub.served import EVERYTHING, Client, ServedHub, refused
from tests.support.hub.stored import statement


def rid() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def acme(mesh: ServedHub) -> str:
    """A supplier that the ERP calls Acme."""
    (answer,) = mesh.hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="Acme")))
    assert isinstance(answer, Applied)
    return answer.golden


@pytest.fixture
def officer(mesh: ServedHub) -> Client:
    """A second person."""
    return mesh.client(subject="officer")


def get(client: Client, name: str) -> supplier_pb2.Supplier:
    return client.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=name)).supplier


def delete(client: Client, name: str) -> None:
    request = supplier_pb2.DeleteSupplierRequest(name=name, etag=get(client, name).etag, request_id=rid())
    client.suppliers.DeleteSupplier(request)


def erasing(client: Client, name: str) -> erasure_pb2.EraseRecordRequest:
    etag = get(client, name).etag
    return erasure_pb2.EraseRecordRequest(name=name, etag=etag, reason="DSR-4", request_id=rid())


def reason(call: Callable[[], Any]) -> reasons.ErrorReason.ValueType:
    return refused(call).reason


def test_who_deleted_a_record_does_not_erase_it_and_a_repeat_gets_the_first_answer(
    steward: Client, officer: Client, acme: str
) -> None:
    delete(steward, acme)
    own = erasing(steward, acme)
    assert reason(lambda: steward.erasure.EraseRecord(own)) == reasons.ERROR_REASON_SECOND_PERSON_REQUIRED
    request = erasing(officer, acme)
    first = officer.erasure.EraseRecord(request)
    assert (first.name, len(first.records) > 1) == (acme, True)
    assert officer.erasure.EraseRecord(request) == first


def test_a_second_person_is_another_person_whoever_acts_for_them(mesh: ServedHub, acme: str) -> None:
    first, second = (mesh.client(subject="portal", on_behalf_of=[person]) for person in ("alice", "bob"))
    delete(first, acme)
    for same in (first, mesh.client(subject="alice"), mesh.client(subject="other portal", on_behalf_of=["alice"])):
        request = erasing(same, acme)
        wrong = reason(lambda request=request, same=same: same.erasure.EraseRecord(request))  # type: ignore[misc]
        assert wrong == reasons.ERROR_REASON_SECOND_PERSON_REQUIRED
    assert second.erasure.EraseRecord(erasing(second, acme)).name == acme


def test_a_reason_is_no_longer_than_the_evidence_can_say(steward: Client, officer: Client, acme: str) -> None:
    delete(steward, acme)
    request = erasing(officer, acme)
    request.reason = "x" * 1025
    error = refused(lambda: officer.erasure.EraseRecord(request))
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "reason")
    request.reason = "x" * 1024
    assert officer.erasure.EraseRecord(request).name == acme


def test_every_read_of_an_erased_record_says_so_and_its_history_shows_that_it_was_there(
    steward: Client, officer: Client, acme: str
) -> None:
    delete(steward, acme)
    officer.erasure.EraseRecord(erasing(officer, acme))
    for call in (
        lambda: get(steward, acme),
        lambda: steward.suppliers.ExplainSupplier(supplier_pb2.ExplainSupplierRequest(name=acme)),
    ):
        assert reason(call) == reasons.ERROR_REASON_RECORD_ERASED
    listed = steward.suppliers.ListSuppliers(supplier_pb2.ListSuppliersRequest(show_deleted=True))
    assert list(listed.suppliers) == []
    asked = supplier_pb2.ListSupplierRevisionsRequest(name=acme)
    shown = steward.suppliers.ListSupplierRevisions(asked).suppliers
    assert [(each.revision, each.legal_name, each.state) for each in shown] == [
        (number, "", supplier_pb2.Supplier.STATE_DELETED) for number in (3, 2, 1)
    ]


def test_the_feed_goes_on_over_what_was_erased(steward: Client, officer: Client, acme: str) -> None:
    delete(steward, acme)
    last = officer.erasure.EraseRecord(erasing(officer, acme)).revision
    seen: list[change_pb2.Change] = []
    for message in steward.changes.WatchChanges(change_pb2.WatchChangesRequest(cursor=b"")):
        seen += message.transaction.changes
        if any(change.record == acme and change.revision == last for change in seen):
            break
    of_it = [change for change in seen if change.record == acme]
    assert of_it[-1].operation == change_pb2.Change.OPERATION_ERASE
    for change in of_it:
        content = supplier_pb2.Supplier()
        assert change.content.Unpack(content)
        assert (content.legal_name, content.state) == ("", supplier_pb2.Supplier.STATE_DELETED)
    assert not any(b"Acme" in change.SerializeToString() for change in seen)


def test_erasing_and_holding_take_permissions_of_their_own(mesh: ServedHub, acme: str) -> None:
    allowed = {"mdm.records.erase", "mdm.holds.write"}
    client = mesh.client([each for each in EVERYTHING if each not in allowed])
    erase = erasing(client, acme)
    place = hold_pb2.PlaceHoldRequest(subject=acme, reason="case 7", request_id=rid())
    for call in (lambda: client.erasure.EraseRecord(erase), lambda: client.holds.PlaceHold(place)):
        assert reason(call) == reasons.ERROR_REASON_PERMISSION_MISSING


def test_holds_are_listed_and_released_by_who_has_a_say_in_all_that_they_cover(mesh: ServedHub, acme: str) -> None:
    everywhere, north = mesh.client(), mesh.client(entities=["entities/north"])
    of_north = north.holds.PlaceHold(hold_pb2.PlaceHoldRequest(subject=acme, reason="case 7", request_id=rid())).hold
    wide = hold_pb2.PlaceHoldRequest(subject="entities/group", reason="case 8", request_id=rid())
    assert reason(lambda: north.holds.PlaceHold(wide)) == reasons.ERROR_REASON_RECORD_NOT_FOUND
    of_all = everywhere.holds.PlaceHold(wide).hold
    everything = hold_pb2.PlaceHoldRequest(subject="*", reason="case 9", request_id=rid())
    assert reason(lambda: north.holds.PlaceHold(everything)) == reasons.ERROR_REASON_RECORD_NOT_FOUND
    everywhere.holds.PlaceHold(everything)
    listed = [hold.name for hold in north.holds.ListHolds(hold_pb2.ListHoldsRequest()).holds]
    assert listed == [of_all.name, of_north.name]
    page = everywhere.holds.ListHolds(hold_pb2.ListHoldsRequest(page_size=2))
    rest = everywhere.holds.ListHolds(hold_pb2.ListHoldsRequest(page_size=2, page_token=page.next_page_token))
    assert (len(page.holds), [hold.name for hold in rest.holds]) == (2, [of_north.name])

    def releasing(hold: hold_pb2.Hold) -> hold_pb2.ReleaseHoldRequest:
        return hold_pb2.ReleaseHoldRequest(name=hold.name, etag=hold.etag, reason="settled", request_id=rid())

    assert reason(lambda: north.holds.ReleaseHold(releasing(of_all))) == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert north.holds.ReleaseHold(releasing(of_north)).hold.released
    shown = north.holds.ListHolds(hold_pb2.ListHoldsRequest(show_released=True)).holds
    assert [hold.released for hold in shown] == [False, True]
