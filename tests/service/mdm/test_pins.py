"""Pins as stewards meet them: made, explained, ended by time, by a moved value and by hand, with notices."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import cost_center_pb2, ingest_pb2, party_pb2, pin_pb2, supplier_pb2
from concord.mdm.v1.record_pb2 import ValueExplanation
from services.mdm.app import upkeep
from services.mdm.storage.records.pin_records import HUB_ITSELF
from services.mdm.storage.writing.write_path import Applied
from tests.support.hub.served import EVERYTHING, WRITER, Client, ServedHub, refused
from tests.support.hub.stored import A_DAY, statement
from tests.support.waiting import eventually

State = pin_pb2.Pin.State
LATER = A_DAY + timedelta(days=1)


def rid() -> str:
    return str(uuid.uuid4())


def at(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp


def packed(content: Message) -> Any:
    found = Any()
    found.Pack(content)
    return found


def named(name: str) -> supplier_pb2.Supplier:
    return supplier_pb2.Supplier(legal_name=name)


def submitted(mesh: ServedHub, said: ingest_pb2.SourceRecord) -> str:
    """Submit what a system says; return its golden record."""
    (answer,) = mesh.hub.submit(said)
    assert isinstance(answer, Applied)
    return answer.golden


@pytest.fixture
def acme(mesh: ServedHub) -> str:
    """A supplier that the ERP calls Acme."""
    return submitted(mesh, statement("systems/erp", "1", named("Acme")))


@pytest.fixture
def keeper(mesh: ServedHub) -> Iterator[None]:
    """What the hub does by itself."""
    jobs = upkeep(mesh.hub.parts, mesh.hub.database, idle_pause_s=0.02)
    for job in jobs:
        job.start()
    yield
    for job in jobs:
        job.stop()


def get(client: Client, name: str) -> supplier_pb2.Supplier:
    return client.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=name)).supplier


def asked(client: Client, name: str, content: Message | None, path: str = "legal_name", **more: object) -> pin_pb2.Pin:
    """Pin a value for a day."""
    request = pin_pb2.PinValueRequest(
        golden_record=name,
        etag=get(client, name).etag,
        path=path,
        content=packed(content) if content is not None else None,
        empty=content is None,
        reason="told by phone, T-17",
        expire_time=at(datetime.now(tz=UTC) + timedelta(days=1)),
        request_id=rid(),
    )
    request.MergeFrom(pin_pb2.PinValueRequest(**more))  # type: ignore[arg-type]
    return client.pins.PinValue(request).pin


def unpinned(client: Client, pin: pin_pb2.Pin) -> pin_pb2.Pin:
    request = pin_pb2.UnpinValueRequest(name=pin.name, etag=pin.etag, request_id=rid())
    return client.pins.UnpinValue(request).pin


def read(client: Client, pin: pin_pb2.Pin) -> pin_pb2.Pin:
    return client.pins.GetPin(pin_pb2.GetPinRequest(name=pin.name)).pin


def notices(client: Client, **more: object) -> pin_pb2.ListPinNoticesResponse:
    return client.pins.ListPinNotices(pin_pb2.ListPinNoticesRequest(**more))  # type: ignore[arg-type]


def explained(client: Client, name: str, path: str = "legal_name") -> ValueExplanation:
    explanation = client.suppliers.ExplainSupplier(supplier_pb2.ExplainSupplierRequest(name=name)).explanation
    return next(value for value in explanation.values if value.path == path)


def leaves(mesh: ServedHub, record: str) -> list[audit_pb2.Leaf]:
    """Return what the audit got of a record."""
    found = [audit_pb2.Leaf.FromString(leaf) for leaf in mesh.audit.leaves]
    return sorted((leaf for leaf in found if leaf.record == record), key=lambda leaf: leaf.revision)


def test_a_pinned_value_is_the_golden_records_at_once_and_one_call_explains_it(steward: Client, acme: str) -> None:
    pin = asked(steward, acme, named("Acme Surgical"))
    assert (pin.state, pin.author, pin.revision) == (State.STATE_ACTIVE, "tester", 1)
    assert [(one.system, one.value) for one in pin.beaten] == [("systems/erp", '"Acme"')]
    assert not pin.beaten_digest
    assert get(steward, acme).legal_name == "Acme Surgical"
    value = explained(steward, acme)
    assert (value.rule, value.winner.value) == (ValueExplanation.RULE_PIN, '"Acme Surgical"')
    assert (value.pin.name, value.pin.author, value.pin.reason) == (pin.name, "tester", "told by phone, T-17")
    assert (value.pin.pin_time, value.pin.expire_time) == (pin.pin_time, pin.expire_time)
    assert [(loser.system, loser.value) for loser in value.losers] == [("systems/erp", '"Acme"')]
    assert value.losers[0].source_time.ToDatetime(tzinfo=UTC) == A_DAY


def test_manual_values_are_not_overwritten_by_what_else_a_system_says(
    mesh: ServedHub, steward: Client, acme: str
) -> None:
    pin = asked(steward, acme, named("Acme Surgical"))
    for number, website in enumerate(("https://one.example", "https://two.example"), start=1):
        content = supplier_pb2.Supplier(legal_name="Acme", website=website)
        mesh.hub.submit(statement("systems/erp", "1", content, at=A_DAY + timedelta(days=number)))
        shown = get(steward, acme)
        assert (shown.legal_name, shown.website) == ("Acme Surgical", website)
    assert read(steward, pin).state == State.STATE_ACTIVE


def test_a_pin_retires_with_a_notice_when_the_beaten_value_moves(mesh: ServedHub, steward: Client, acme: str) -> None:
    pin = asked(steward, acme, named("Acme Surgical"))
    mesh.hub.submit(statement("systems/erp", "1", named("Acme Medical"), at=LATER))
    assert get(steward, acme).legal_name == "Acme Medical"
    over = read(steward, pin)
    assert (over.state, over.ended_by, over.revision) == (State.STATE_OVERTAKEN, HUB_ITSELF, 2)
    assert [one.value for one in over.beaten] == ['"Acme"']
    assert [one.value for one in over.overtaken_by] == ['"Acme Medical"']
    told = notices(steward)
    assert ([each.name for each in told.pins], told.total_count) == ([pin.name], 1)
    seen = pin_pb2.AcknowledgePinNoticeRequest(name=over.name, etag=over.etag, request_id=rid())
    assert steward.pins.AcknowledgePinNotice(seen).pin.acknowledged_by == "tester"
    assert notices(steward).total_count == 0
    # The pin and the golden record changed in one transaction, each with its evidence.
    eventually(lambda: len(leaves(mesh, pin.name)) == 3)
    made, ended, acknowledged = leaves(mesh, pin.name)
    operations = (made.operation, ended.operation, acknowledged.operation)
    kinds = audit_pb2.Operation
    assert operations == (kinds.OPERATION_CREATE, kinds.OPERATION_DELETE, kinds.OPERATION_UPDATE)
    assert "state" in {field.path for field in ended.fields}


def test_the_same_value_from_another_source_overtakes_nothing(mesh: ServedHub, steward: Client, acme: str) -> None:
    lei = "9999009KEQ3R1RWIXO06"
    mesh.hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="Acme", lei=lei)))
    pin = asked(steward, acme, named("Acme Surgical"))
    other = supplier_pb2.Supplier(legal_name="Else", lei=lei)
    assert submitted(mesh, statement("systems/legacy", "9", other, at=LATER)) == acme
    assert read(steward, pin).state == State.STATE_ACTIVE


@pytest.mark.usefixtures("keeper")
def test_a_pin_whose_time_is_over_retires_with_a_notice_and_evidence(
    mesh: ServedHub, steward: Client, acme: str
) -> None:
    soon = at(datetime.now(tz=UTC) + timedelta(seconds=3))
    pin = asked(steward, acme, named("Acme Surgical"), expire_time=soon)
    assert get(steward, acme).legal_name == "Acme Surgical"
    eventually(lambda: get(steward, acme).legal_name == "Acme")
    over = read(steward, pin)
    assert (over.state, over.ended_by) == (State.STATE_EXPIRED, HUB_ITSELF)
    assert over.end_time.ToDatetime() >= over.expire_time.ToDatetime()
    assert [each.name for each in notices(steward, golden_record=acme).pins] == [pin.name]
    assert explained(steward, acme).rule == ValueExplanation.RULE_ONLY_SOURCE
    eventually(lambda: len(leaves(mesh, pin.name)) == 2)
    ended = leaves(mesh, pin.name)[1]
    assert (ended.actor, ended.reason) == (HUB_ITSELF, "its time is over")
    eventually(lambda: leaves(mesh, acme)[-1].actor == HUB_ITSELF)


def test_a_steward_ends_a_pin_and_no_notice_is_left(steward: Client, acme: str) -> None:
    pin = asked(steward, acme, named("Acme Surgical"))
    over = unpinned(steward, pin)
    assert (over.state, over.ended_by) == (State.STATE_UNPINNED, "tester")
    assert get(steward, acme).legal_name == "Acme"
    assert notices(steward).total_count == 0
    assert refused(lambda: unpinned(steward, over)).reason == reasons.ERROR_REASON_RECORD_DELETED
    assert refused(lambda: unpinned(steward, pin)).reason == reasons.ERROR_REASON_ETAG_MISMATCH
    acknowledging = pin_pb2.AcknowledgePinNoticeRequest(name=over.name, etag=over.etag, request_id=rid())
    told = refused(lambda: steward.pins.AcknowledgePinNotice(acknowledging))
    assert told.reason == reasons.ERROR_REASON_INVALID_CONTENT


def test_a_stewards_update_of_another_value_leaves_a_pin_standing(steward: Client, acme: str) -> None:
    pin = asked(steward, acme, named("Acme Surgical"))
    update = supplier_pb2.UpdateSupplierRequest(
        supplier=supplier_pb2.Supplier(name=acme, website="https://acme.example"),
        etag=get(steward, acme).etag,
        request_id=rid(),
    )
    steward.suppliers.UpdateSupplier(update)
    assert (get(steward, acme).legal_name, get(steward, acme).website) == ("Acme Surgical", "https://acme.example")
    unpinned(steward, read(steward, pin))
    assert (get(steward, acme).legal_name, get(steward, acme).website) == ("Acme", "https://acme.example")


@pytest.mark.parametrize("name", ["Acme", "Acme Holding"])
def test_a_stewards_update_of_a_pinned_value_holds_and_ends_the_pin(steward: Client, acme: str, name: str) -> None:
    pin = asked(steward, acme, named("Acme Surgical"))
    said = supplier_pb2.Supplier(name=acme, legal_name=name)
    update = supplier_pb2.UpdateSupplierRequest(supplier=said, etag=get(steward, acme).etag, request_id=rid())
    assert steward.suppliers.UpdateSupplier(update).supplier.legal_name == name
    assert read(steward, pin).state == State.STATE_OVERTAKEN


def test_a_value_that_nobody_says_can_be_pinned_and_one_can_be_pinned_empty(
    mesh: ServedHub, steward: Client, acme: str
) -> None:
    asked(steward, acme, None)
    pin = asked(steward, acme, supplier_pb2.Supplier(website="https://acme.example"), "website")
    assert not pin.beaten
    shown = get(steward, acme)
    assert (shown.legal_name, shown.website) == ("", "https://acme.example")
    content = supplier_pb2.Supplier(legal_name="Acme", website="https://erp.example")
    mesh.hub.submit(statement("systems/erp", "1", content, at=LATER))
    assert get(steward, acme).website == "https://erp.example"
    assert [each.path for each in notices(steward).pins] == ["website"]


def test_a_slice_is_pinned_for_its_period(mesh: ServedHub, steward: Client) -> None:
    center = cost_center_pb2.CostCenter(entity="entities/north", code="ICU")
    center.slices.add(display_name="Intensive care", manager="Ann")
    name = submitted(mesh, statement("systems/erp", "ICU", center))
    found = steward.cost_centers.GetCostCenter(cost_center_pb2.GetCostCenterRequest(name=name)).cost_center
    held = cost_center_pb2.CostCenter()
    piece = held.slices.add(manager="Bea")
    piece.effective_period.start_date.year, piece.effective_period.start_date.month = 2027, 1
    piece.effective_period.start_date.day = 1
    request = pin_pb2.PinValueRequest(
        golden_record=name,
        etag=found.etag,
        path="slices.manager",
        content=packed(held),
        reason="acting",
        expire_time=at(datetime.now(tz=UTC) + timedelta(days=1)),
        request_id=rid(),
    )
    steward.pins.PinValue(request)
    shown = steward.cost_centers.GetCostCenter(cost_center_pb2.GetCostCenterRequest(name=name)).cost_center
    assert [each.manager for each in shown.slices] == ["Ann", "Bea"]
    asking = cost_center_pb2.ExplainCostCenterRequest(name=name)
    values = steward.cost_centers.ExplainCostCenter(asking).explanation.values
    rules = [value.rule for value in values if value.path == "slices.manager"]
    assert rules == [ValueExplanation.RULE_ONLY_SOURCE, ValueExplanation.RULE_PIN]


def test_a_repeat_pins_once_and_a_rehearsal_not_at_all(steward: Client, acme: str) -> None:
    request_id, until = rid(), at(datetime.now(tz=UTC) + timedelta(days=1))
    etag = get(steward, acme).etag
    first, again = (
        asked(steward, acme, named("Acme Surgical"), request_id=request_id, expire_time=until, etag=etag)
        for _ in range(2)
    )
    assert again == first
    rehearsed = asked(steward, acme, supplier_pb2.Supplier(website="https://x.example"), "website", validate_only=True)
    assert rehearsed.path == "website"
    assert not get(steward, acme).website
    listed = steward.pins.ListPins(pin_pb2.ListPinsRequest(golden_record=acme))
    assert ([each.name for each in listed.pins], listed.total_count) == ([first.name], 1)


def test_pins_are_listed_newest_first_in_pages_with_their_count(steward: Client, acme: str) -> None:
    made = [
        asked(steward, acme, named("A")),
        asked(steward, acme, supplier_pb2.Supplier(website="https://a.example"), "website"),
        asked(steward, acme, supplier_pb2.Supplier(phone="1"), "phone"),
    ]
    over = unpinned(steward, made[0])
    first = steward.pins.ListPins(pin_pb2.ListPinsRequest(page_size=2))
    rest = steward.pins.ListPins(pin_pb2.ListPinsRequest(page_size=2, page_token=first.next_page_token))
    assert [each.name for each in (*first.pins, *rest.pins)] == [each.name for each in reversed(made)]
    assert (first.total_count, rest.total_count, rest.next_page_token) == (3, 3, "")
    ended = steward.pins.ListPins(pin_pb2.ListPinsRequest(state=State.STATE_UNPINNED))
    assert ([each.name for each in ended.pins], ended.total_count) == ([over.name], 1)


def test_what_makes_no_sense_is_refused_with_the_field(mesh: ServedHub, steward: Client, acme: str) -> None:
    past = at(datetime.now(tz=UTC) - timedelta(days=1))
    gln = supplier_pb2.Supplier(gln="4012345000009")
    dated = supplier_pb2.Supplier()
    certificate = dated.diversity_certificates.add(kind="MBE", agency="A", number="1")
    certificate.expire_date.year, certificate.expire_date.month, certificate.expire_date.day = 2026, 2, 30
    wrong = {
        "path": lambda: asked(steward, acme, named("A"), "no_such_field"),
        "content": lambda: asked(steward, acme, supplier_pb2.Supplier(legal_name="A", website="https://a.example")),
        "expire_time": lambda: asked(steward, acme, named("A"), expire_time=past),
        "content.etag": lambda: asked(steward, acme, supplier_pb2.Supplier(legal_name="A", etag="x")),
    }
    for field, call in wrong.items():
        error = refused(call)
        assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT, field
        assert [violation.field for violation in error.violations] == [field]
    error = refused(lambda: asked(steward, acme, dated, "diversity_certificates[MBE/A/1]"))
    assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT
    # What links records is a steward's word, not a pin.
    assert "links records" in refused(lambda: asked(steward, acme, gln, "gln")).violations[0].description
    both = refused(lambda: asked(steward, acme, named("A"), empty=True))
    assert both.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    other = refused(lambda: asked(steward, acme, cost_center_pb2.CostCenter(code="1")))
    assert other.reason == reasons.ERROR_REASON_MALFORMED_MESSAGE
    stale = refused(lambda: asked(steward, acme, named("A"), etag='"stale"'))
    assert stale.reason == reasons.ERROR_REASON_ETAG_MISMATCH
    asked(steward, acme, named("A"))
    again = refused(lambda: asked(steward, acme, named("B")))
    assert again.reason == reasons.ERROR_REASON_RECORD_EXISTS
    assert mesh.hub.supplier(acme).legal_name == "A"


def test_restricted_values_are_pinned_only_by_who_may_see_them_and_shown_to_nobody_else(
    mesh: ServedHub, steward: Client
) -> None:
    content = supplier_pb2.Supplier(
        legal_name="Acme", bank_accounts=[party_pb2.BankAccount(code="1", account_number="1")]
    )
    name, held = submitted(mesh, statement("systems/erp", "1", content)), supplier_pb2.Supplier()
    held.bank_accounts.add(code="1", account_number="998877", country="US")
    blind = mesh.client(permissions=WRITER)
    error = refused(lambda: asked(blind, name, held, "bank_accounts[1]"))
    assert error.reason == reasons.ERROR_REASON_PERMISSION_MISSING
    pin = asked(steward, name, held, "bank_accounts[1]")
    assert mesh.hub.supplier(name).bank_accounts[0] == held.bank_accounts[0]
    seen, shown = supplier_pb2.Supplier(), supplier_pb2.Supplier()
    read(steward, pin).content.Unpack(seen)
    read(blind, pin).content.Unpack(shown)
    assert (seen.bank_accounts[0].account_number, shown.bank_accounts[0].account_number) == ("998877", "")
    assert shown.bank_accounts[0].country == "US"
    assert "998877" not in str(explained(steward, name, "bank_accounts[1]"))
    unpin = pin_pb2.UnpinValueRequest(name=pin.name, etag=pin.etag, request_id=rid())
    assert refused(lambda: blind.pins.UnpinValue(unpin)).reason == reasons.ERROR_REASON_PERMISSION_MISSING
    stored = mesh.hub.rows("SELECT body FROM revisions WHERE record_type IN ('pin', 'supplier')")
    assert not [body for (body,) in stored if b"998877" in bytes(body)]  # type: ignore[call-overload]


def test_out_of_scope_there_is_neither_record_nor_pin(mesh: ServedHub, steward: Client, acme: str) -> None:
    pin = asked(steward, acme, named("A"))
    south = mesh.client(entities=("entities/south",))
    etag = get(steward, acme).etag
    for call in (
        lambda: read(south, pin),
        lambda: unpinned(south, pin),
        lambda: south.pins.PinValue(
            pin_pb2.PinValueRequest(
                golden_record=acme,
                etag=etag,
                path="website",
                empty=True,
                reason="x",
                expire_time=pin.expire_time,
                request_id=rid(),
            )
        ),
    ):
        assert refused(call).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert south.pins.ListPins(pin_pb2.ListPinsRequest()).total_count == 0


def test_who_may_not_read_or_change_a_type_may_not_read_or_change_its_pins(
    mesh: ServedHub, steward: Client, acme: str
) -> None:
    pin = asked(steward, acme, named("A"))
    reader = mesh.client([each for each in EVERYTHING if each != "mdm.suppliers.write"])
    assert read(reader, pin) == pin
    assert reader.pins.ListPins(pin_pb2.ListPinsRequest()).total_count == 1
    stranger = mesh.client([each for each in EVERYTHING if not each.startswith("mdm.suppliers.")])
    assert stranger.pins.ListPins(pin_pb2.ListPinsRequest()) == pin_pb2.ListPinsResponse()
    pinning = pin_pb2.PinValueRequest(
        golden_record=acme, etag=get(steward, acme).etag, path="website", empty=True, reason="x", request_id=rid()
    )
    pinning.expire_time.CopyFrom(pin.expire_time)
    for call, permission in (
        (lambda: read(stranger, pin), "mdm.suppliers.read"),
        (lambda: unpinned(reader, pin), "mdm.suppliers.write"),
        (lambda: reader.pins.PinValue(pinning), "mdm.suppliers.write"),
    ):
        error = refused(call)
        assert error.reason == reasons.ERROR_REASON_PERMISSION_MISSING
        assert error.metadata["permission"] == permission


def test_a_deleted_record_is_not_pinned(steward: Client, acme: str) -> None:
    request = supplier_pb2.DeleteSupplierRequest(name=acme, etag=get(steward, acme).etag, request_id=rid())
    steward.suppliers.DeleteSupplier(request)
    assert refused(lambda: asked(steward, acme, named("A"))).reason == reasons.ERROR_REASON_RECORD_DELETED
