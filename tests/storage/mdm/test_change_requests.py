"""Change requests on a real database: the order of disjoint approvals does not matter; of rivals one is applied."""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from google.protobuf.message import Message
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_request_pb2 as pb
from concord.mdm.v1 import supplier_pb2
from services.mdm.domain.rebasing import SlotChange, applied, changed_fields, slot_changes
from services.mdm.domain.slot import slots_of
from services.mdm.domain.survivorship.golden import canonical_digest
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import etag_of
from services.mdm.storage.stewardship.change_requests import Target
from services.mdm.storage.writing.write_path import Applied
from services.mesh.errors import ConcordError
from tests.support.database.databases import Databases
from tests.support.hub.stored import TestHub, decision, statement, test_hub
from tests.support.samples.strategies import contents

State = pb.ChangeRequest.State
keys = itertools.count(1)


@pytest.fixture(scope="module")
def hub(databases: Databases) -> Iterator[TestHub]:
    """One hub for the whole module."""
    with test_hub(databases) as opened:
        yield opened


def by(subject: str) -> Decision:
    """Return a decision of somebody."""
    made = decision(pb.ApproveChangeRequestRequest())
    return replace(made, key=replace(made.key, principal=subject))


def said_by_the_erp(hub: TestHub, content: Message) -> str:
    """Submit a content under a key of its own; return its golden record."""
    (answer,) = hub.submit(statement("systems/erp", f"{next(keys)}", content))
    assert isinstance(answer, Applied)
    return answer.golden


def asked(hub: TestHub, golden: str, changes: Sequence[SlotChange]) -> pb.ChangeRequest:
    """Ask for changes of a golden record's first revision."""

    def merge(base: Message) -> tuple[Message, Sequence[str]]:
        return applied(SUPPLIER, changes, base), changed_fields(SUPPLIER, changes)

    target = Target(SUPPLIER, golden, etag_of(golden, 1))
    return hub.parts.change_requests.ask_for_change(target, merge, None, "T-17", by("buyer"))


def renamed(name: str) -> list[SlotChange]:
    was, wanted = (supplier_pb2.Supplier(legal_name=each) for each in ("Acme", name))
    return [SlotChange("legal_name", was, wanted)]


@settings(max_examples=8, deadline=None)
@given(contents(SUPPLIER), contents(SUPPLIER), contents(SUPPLIER), st.data())
def test_disjoint_requests_approved_in_either_order_make_golden_records_of_one_digest(
    hub: TestHub, base: Message, one: Message, other: Message, data: st.DataObject
) -> None:
    for content in (base, one, other):
        content.trading_names.append("Whoever")  # type: ignore[attr-defined] # what a record is known by can't go
    before = slots_of(SUPPLIER, base)
    mine, yours = (slot_changes(before, slots_of(SUPPLIER, wanted)) for wanted in (one, other))
    paths = sorted({change.path for change in (*mine, *yours)})
    assume(paths and before)
    ours = data.draw(st.sets(st.sampled_from(paths)))
    mine = tuple(change for change in mine if change.path in ours)
    yours = tuple(change for change in yours if change.path not in ours)
    assume(mine and yours)
    digests = []
    for order in (1, -1):
        golden = said_by_the_erp(hub, base)
        for request in [asked(hub, golden, mine), asked(hub, golden, yours)][::order]:
            approved = hub.parts.change_requests.approve(request.name, request.etag, by("steward"))
            assert approved.state == State.STATE_APPROVED
        digests.append(canonical_digest(SUPPLIER, hub.golden(golden)))
    assert digests[0] == digests[1]
    differences, _, _ = hub.parts.rebuilding.differences(SUPPLIER, "", 1000)
    assert list(differences) == []


def at_once(*calls: Callable[[], pb.ChangeRequest]) -> list[reasons.ErrorReason.ValueType | None]:
    """Make calls at the same time; return the reason of each that was refused, None of those that were not."""
    outcomes: list[reasons.ErrorReason.ValueType | None] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def make(place: int, call: Callable[[], pb.ChangeRequest]) -> None:
        gate.wait()
        try:
            call()
        except ConcordError as error:
            outcomes[place] = error.reason

    threads = [threading.Thread(target=make, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def approvals(hub: TestHub, *requests: pb.ChangeRequest) -> list[Callable[[], pb.ChangeRequest]]:
    """Return the approval of each request by a steward of its own."""
    approve = hub.parts.change_requests.approve
    return [
        lambda request=request, place=place: approve(request.name, request.etag, by(f"steward {place}"))  # type: ignore[misc]
        for place, request in enumerate(requests)
    ]


def test_of_two_requests_for_one_value_that_are_approved_at_once_one_is_applied(hub: TestHub) -> None:
    golden = said_by_the_erp(hub, supplier_pb2.Supplier(legal_name="Acme"))
    requests = [asked(hub, golden, renamed(name)) for name in ("One", "Two")]
    outcomes = at_once(*approvals(hub, *requests))
    assert sorted(outcomes, key=bool) == [None, reasons.ERROR_REASON_CHANGE_REQUEST_OUTDATED]
    assert hub.supplier(golden).legal_name == ("One", "Two")[outcomes.index(None)]


def test_a_request_that_two_approve_at_once_is_applied_once(hub: TestHub) -> None:
    golden = said_by_the_erp(hub, supplier_pb2.Supplier(legal_name="Acme"))
    request = asked(hub, golden, renamed("One"))
    outcomes = at_once(*approvals(hub, request, request))
    assert sorted(outcomes, key=bool) == [None, reasons.ERROR_REASON_PROPOSAL_SETTLED]
    assert hub.supplier(golden).revision == 2
    assert hub.rows(f"SELECT revision FROM records WHERE record = '{request.name}'") == [(2,)]  # noqa: S608 - its name


def test_requests_on_different_values_approved_at_once_are_all_applied(hub: TestHub) -> None:
    golden = said_by_the_erp(hub, supplier_pb2.Supplier(legal_name="Acme"))
    phone = [SlotChange("phone", None, supplier_pb2.Supplier(phone="2"))]
    assert at_once(*approvals(hub, asked(hub, golden, renamed("One")), asked(hub, golden, phone))) == [None, None]
    now = hub.supplier(golden)
    assert (now.legal_name, now.phone) == ("One", "2")
