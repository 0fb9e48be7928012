"""Golden changes reach the system once, come back as echoes, and never overwrite what the hub has not seen."""

from datetime import date, timedelta

import pytest
from google.protobuf.message import Message
from google.type.date_pb2 import Date

from concord.adapter.v1.adapter_pb2 import Delivery, Discrepancy
from concord.mdm.v1.cost_center_pb2 import CostCenterSlice
from concord.mdm.v1.ingest_pb2 import SourceRecord
from concord.mdm.v1.record_pb2 import EffectivePeriod
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.incoming.intake import Counts
from services.adapter.outgoing import delivering
from services.adapter.storage.ledger import Content
from services.adapter.systems.connector import Expression, UntranslatableError
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.adapter.systems.systems_file import DeliveryMode
from tests.support.adapter.fake_connector import FakeConnector
from tests.support.adapter.outposts import ERP, Landscape, Session

ONE = "suppliers/000000001"


class Killed(BaseException):
    """Stands for kill -9."""


@pytest.fixture
def session(landscape: Landscape) -> Session:
    landscape.system.edit("vendor/1", number="000000001", name="Acme", phone="1", url="acme.example")
    session = landscape.start()
    session.settle()
    assert landscape.system.written == []
    return session


def test_a_correction_is_written_once_and_only_where_it_differs(landscape: Landscape, session: Session) -> None:
    landscape.hub.correct(ONE, legal_name="Acme Corporation", phone="1")
    session.settle()
    assert [(key, dict(values)) for key, _, values in landscape.system.written] == [
        ("vendor/1", {"legal_name": "Acme Corporation"})
    ]
    delivery = _only(session, Delivery)
    assert isinstance(delivery, Delivery)
    assert delivery.state == Delivery.STATE_DELIVERED
    assert (delivery.key, list(delivery.paths), delivery.revision) == ("vendor/1", ["legal_name"], 2)
    assert "Acme" not in str(delivery)


def test_a_record_that_the_connector_stumbles_over_is_a_discrepancy_and_keeps_no_other_back(
    landscape: Landscape, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    landscape.system.edit("vendor/2", number="000000002", name="Bolt")
    session.settle()
    express = FakeConnector.express

    def stumbling(connector: FakeConnector, record_type: str, content: Message, today: date) -> Expression:
        if getattr(content, "legal_name", "") == "Odd":
            raise KeyError("Odd")
        return express(connector, record_type, content, today)

    monkeypatch.setattr(FakeConnector, "express", stumbling)
    landscape.hub.correct(ONE, legal_name="Odd")
    landscape.hub.correct("suppliers/000000002", phone="2")
    session.settle()
    assert [(key, dict(values)) for key, _, values in landscape.system.written] == [("vendor/2", {"phone": "2"})]
    found = _only(session, Discrepancy)
    assert isinstance(found, Discrepancy)
    assert (found.golden_record, found.kind, list(found.paths)) == (ONE, Discrepancy.KIND_NOT_EXPRESSIBLE, ["record"])


def test_what_comes_back_is_named_as_an_echo_and_the_systems_own_word_stands(
    landscape: Landscape, session: Session
) -> None:
    landscape.hub.correct(ONE, legal_name="Acme Corporation")
    session.settle()
    table, revision = landscape.hub.goldens[ONE].table, landscape.hub.goldens[ONE].revision
    for _ in range(20):
        session.pull(full=True)
        session.deliver()
    echo = landscape.hub.submissions[-1].echo
    assert (echo.golden_record, list(echo.paths)) == (ONE, ["legal_name"])
    assert landscape.hub.standing(ERP, "vendor/1")["legal_name"] == "Acme"
    assert (landscape.hub.goldens[ONE].table, landscape.hub.goldens[ONE].revision) == (table, revision)
    assert len(landscape.system.written) == 1


def test_an_edit_after_a_delivery_is_the_systems_own_word_even_back_to_the_delivered_value(
    landscape: Landscape, session: Session
) -> None:
    landscape.hub.correct(ONE, phone="2")
    session.settle()
    landscape.system.edit("vendor/1", phone="3")
    session.pull()
    landscape.system.edit("vendor/1", phone="2")
    session.pull()
    assert landscape.hub.standing(ERP, "vendor/1")["phone"] == "2"


def test_a_system_that_spells_in_its_own_way_is_neither_laundered_nor_written_again(landscape: Landscape) -> None:
    landscape.system.spell = lambda value: value.upper() if isinstance(value, str) else value
    landscape.system.edit("vendor/1", number="000000001", name="ACME")
    session = landscape.start()
    session.settle()
    landscape.hub.correct(ONE, legal_name="Acme Corporation")
    session.settle()
    landscape.hub.correct(ONE, website="acme.example")
    session.settle()
    assert [dict(values) for _, _, values in landscape.system.written] == [
        {"legal_name": "Acme Corporation"},
        {"website": "acme.example"},
    ]
    assert landscape.hub.standing(ERP, "vendor/1")["legal_name"] == "ACME"


def test_an_edit_that_the_hub_has_not_seen_is_taken_in_before_anything_is_written(
    landscape: Landscape, session: Session
) -> None:
    landscape.hub.correct(ONE, legal_name="Acme Corporation")
    landscape.system.edit("vendor/1", phone="42")
    session.deliver()
    session.deliver()
    assert landscape.hub.standing(ERP, "vendor/1")["phone"] == "42"
    assert dict(landscape.system.rows["vendor/1"].fields) == {
        "number": "000000001",
        "name": "Acme Corporation",
        "phone": "42",
        "url": "acme.example",
    }


def test_an_agenda_behind_the_hubs_last_answer_waits_for_the_feed(landscape: Landscape, session: Session) -> None:
    landscape.hub.correct(ONE, legal_name="Acme Corporation")
    session.follow()
    landscape.system.edit("vendor/1", phone="42")
    session.pull()
    session.work_off()
    assert landscape.system.written == []
    session.deliver()
    assert landscape.system.rows["vendor/1"].fields["phone"] == "42"
    assert len(landscape.system.written) == 1


def test_a_connector_that_stumbles_over_a_document_stops_no_other(landscape: Landscape) -> None:
    landscape.system.edit("center/1", kind="center", name="has no code")
    landscape.system.edit("vendor/1", number="000000001", name="Acme")
    assert landscape.start().pull() == Counts(read=2, created=1, quarantined=1)


@pytest.mark.parametrize("moment", ["before_write", "after_write"])
def test_killed_at_a_write_it_is_written_exactly_once(landscape: Landscape, session: Session, moment: str) -> None:
    landscape.hub.correct(ONE, legal_name="Acme Corporation")

    def kill() -> None:
        raise Killed

    setattr(landscape.system, moment, kill)
    with pytest.raises(Killed):
        session.deliver()
    setattr(landscape.system, moment, lambda: None)
    landscape.start().settle()
    assert len(landscape.system.written) == 1
    assert landscape.hub.standing(ERP, "vendor/1")["legal_name"] == "Acme"
    delivery = _only(session, Delivery)
    assert isinstance(delivery, Delivery)
    assert delivery.state == Delivery.STATE_DELIVERED


@pytest.mark.parametrize("moment", ["before_write", "after_write"])
def test_killed_at_a_creation_one_document_is_created_and_linked(landscape: Landscape, moment: str) -> None:
    landscape.mode = DeliveryMode.CREATE
    _other(landscape, "000000009", legal_name="Newcomer", phone="9")

    def kill() -> None:
        raise Killed

    setattr(landscape.system, moment, kill)
    with pytest.raises(Killed):
        landscape.start().deliver()
    setattr(landscape.system, moment, lambda: None)
    landscape.start().settle()
    assert len(landscape.system.rows) == 1
    key = next(iter(landscape.system.rows))
    source = landscape.hub.sources[ERP, key]
    assert (source.golden, source.origin, source.standing.get("legal_name")) == (
        "suppliers/000000009",
        "delivery",
        None,
    )


def test_a_golden_record_without_a_key_is_created_only_where_configured(landscape: Landscape) -> None:
    _other(landscape, "000000009", legal_name="Newcomer")
    landscape.start().settle()
    assert landscape.system.rows == {}
    landscape.mode = DeliveryMode.CREATE
    landscape.hub.correct("suppliers/000000009", phone="7")
    session = landscape.start()
    session.settle()
    assert [row.fields for row in landscape.system.rows.values()] == [
        {"number": "000000009", "name": "Newcomer", "phone": "7"}
    ]
    session.settle()
    assert len(landscape.system.written) == 1


def test_a_document_that_is_there_already_is_not_created_again(landscape: Landscape) -> None:
    landscape.mode = DeliveryMode.CREATE
    _other(landscape, "000000009", legal_name="Newcomer")
    landscape.system.edit("vendor/5", number="000000009", name="Newcomer Inc")
    session = landscape.start()
    session.deliver()
    session.settle()
    assert list(landscape.system.rows) == ["vendor/5"]
    assert landscape.hub.standing(ERP, "vendor/5")["legal_name"] == "Newcomer Inc"
    assert landscape.system.rows["vendor/5"].fields["name"] == "Newcomer"


def test_a_refusal_fails_the_delivery_is_shown_and_settled_by_a_later_success(
    landscape: Landscape, session: Session
) -> None:
    landscape.system.refuses = lambda values: values.get("phone") == "bad"
    landscape.hub.correct(ONE, phone="bad")
    session.settle()
    delivery, discrepancy = _only(session, Delivery), _only(session, Discrepancy)
    assert isinstance(delivery, Delivery)
    assert isinstance(discrepancy, Discrepancy)
    assert delivery.state == Delivery.STATE_FAILED
    assert (discrepancy.kind, list(discrepancy.paths)) == (Discrepancy.KIND_DELIVERY_REFUSED, ["phone"])
    landscape.hub.correct(ONE, phone="good")
    session.settle()
    settled = _only(session, Discrepancy)
    assert isinstance(settled, Discrepancy)
    assert settled.settled
    assert landscape.system.rows["vendor/1"].fields["phone"] == "good"


def test_a_write_that_may_have_been_carried_out_is_looked_up_before_anything_else(
    landscape: Landscape, session: Session
) -> None:
    def answers_nonsense() -> None:
        landscape.system.after_write = lambda: None
        raise RemoteError(RemoteErrorKind.PERMANENT, "no answer of ours", outcome_unknown=True)

    landscape.system.after_write = answers_nonsense
    landscape.hub.correct(ONE, legal_name="Acme Corporation")
    with pytest.raises(RemoteError):
        session.deliver()
    session.settle()
    delivery = _only(session, Delivery)
    assert isinstance(delivery, Delivery)
    assert delivery.state == Delivery.STATE_DELIVERED
    assert len(landscape.system.written) == 1
    assert landscape.hub.standing(ERP, "vendor/1")["legal_name"] == "Acme"


def test_a_search_that_stumbles_over_a_document_is_a_discrepancy_and_keeps_no_other_back(
    landscape: Landscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    landscape.mode = DeliveryMode.CREATE
    _other(landscape, "000000008", legal_name="Odd")
    _other(landscape, "000000009", legal_name="Newcomer")
    find = FakeConnector.find

    def stumbling(connector: FakeConnector, record_type: str, golden: Message) -> str | None:
        if getattr(golden, "legal_name", "") == "Odd":
            raise UntranslatableError("note", "has two entities")
        return find(connector, record_type, golden)

    monkeypatch.setattr(FakeConnector, "find", stumbling)
    session = landscape.start()
    session.settle()
    assert [row.fields["name"] for row in landscape.system.rows.values()] == ["Newcomer"]
    discrepancy = _only(session, Discrepancy)
    assert isinstance(discrepancy, Discrepancy)
    assert (discrepancy.kind, list(discrepancy.paths)) == (Discrepancy.KIND_NOT_EXPRESSIBLE, ["note"])


def test_nobody_has_to_look_at_what_differs_of_a_record_that_is_gone(
    landscape: Landscape, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    landscape.system.refuses = lambda values: values.get("phone") == "bad"
    landscape.hub.correct(ONE, phone="bad")
    session.settle()
    monkeypatch.setattr(delivering, "is_in_use", lambda _: False)
    landscape.hub.correct(ONE, phone="of a record that is deleted")
    session.settle()
    settled = _only(session, Discrepancy)
    assert isinstance(settled, Discrepancy)
    assert settled.settled


def test_an_unavailable_system_loses_nothing(landscape: Landscape, session: Session) -> None:
    landscape.hub.correct(ONE, phone="2")
    landscape.system.failure = RemoteError(RemoteErrorKind.TRANSIENT, "away")
    for _ in range(3):
        with pytest.raises(RemoteError):
            session.deliver()
    landscape.system.failure = None
    session.deliver()
    assert landscape.system.rows["vendor/1"].fields["phone"] == "2"


def test_a_value_that_the_system_cannot_hold_is_a_discrepancy(landscape: Landscape, session: Session) -> None:
    landscape.hub.correct(ONE, legal_name="A" * 80, phone="2")
    session.settle()
    discrepancy = _only(session, Discrepancy)
    assert isinstance(discrepancy, Discrepancy)
    assert (discrepancy.kind, list(discrepancy.paths)) == (Discrepancy.KIND_NOT_EXPRESSIBLE, ["legal_name"])
    assert landscape.system.rows["vendor/1"].fields["name"] == "Acme"
    assert landscape.system.rows["vendor/1"].fields["phone"] == "2"


def test_a_second_key_is_a_discrepancy_and_only_the_first_is_written(landscape: Landscape, session: Session) -> None:
    landscape.system.edit("vendor/2", number="000000001", name="ACME Inc.")
    session.settle()
    landscape.hub.correct(ONE, legal_name="Acme Corporation")
    session.settle()
    discrepancy = _only(session, Discrepancy)
    assert isinstance(discrepancy, Discrepancy)
    assert (discrepancy.kind, discrepancy.key) == (Discrepancy.KIND_DUPLICATE_KEY, "vendor/2")
    assert landscape.system.rows["vendor/2"].fields["name"] == "ACME Inc."
    landscape.hub.goldens["suppliers/two"] = type(landscape.hub.goldens[ONE])(landscape.hub.goldens[ONE].kind)
    landscape.hub.relink(ERP, "vendor/2", "suppliers/two")
    session.settle()
    settled = _only(session, Discrepancy)
    assert isinstance(settled, Discrepancy)
    assert settled.settled


def test_the_hub_takes_back_its_own_word_and_no_other(landscape: Landscape, session: Session) -> None:
    landscape.system.edit("vendor/1", phone=None)
    session.settle()
    landscape.hub.correct(ONE, phone="555")
    session.settle()
    assert landscape.system.rows["vendor/1"].fields["phone"] == "555"
    landscape.hub.correct(ONE, phone=None)
    session.settle()
    assert "phone" not in landscape.system.rows["vendor/1"].fields
    assert landscape.system.rows["vendor/1"].fields["url"] == "acme.example"


def test_a_document_that_the_hub_does_not_accept_is_left_alone_until_it_does(
    landscape: Landscape, session: Session
) -> None:
    landscape.hub.quarantines.add("vendor/1")
    landscape.system.edit("vendor/1", phone="typo")
    landscape.hub.correct(ONE, legal_name="Acme Corporation")
    session.settle()
    assert landscape.system.written == []
    landscape.hub.quarantines.clear()
    landscape.system.edit("vendor/1", phone="5")
    session.settle()
    assert landscape.system.rows["vendor/1"].fields["name"] == "Acme Corporation"
    assert landscape.system.rows["vendor/1"].fields["phone"] == "5"


def test_a_slice_is_delivered_on_the_day_it_comes_into_effect(landscape: Landscape) -> None:
    landscape.system.edit("center/1", kind="center", code="4711", name="Pharmacy", blocked=False)
    session = landscape.start()
    session.settle()
    now = CostCenterSlice(display_name="Pharmacy", blocked_for_posting=False, effective_period=_until(2026, 12, 1))
    later = CostCenterSlice(display_name="Pharmacy", blocked_for_posting=True, effective_period=_from(2026, 12, 1))
    landscape.hub.correct("costCenters/4711", slices=[now, later])
    session.settle()
    assert landscape.system.written == []
    landscape.calendar.now += timedelta(days=6)
    session.settle()
    assert landscape.system.written == []
    landscape.calendar.now += timedelta(days=1)
    landscape.start().settle()
    assert [dict(values) for _, _, values in landscape.system.written] == [{"slices.blocked_for_posting": True}]


def test_an_expired_cursor_is_answered_by_a_snapshot(landscape: Landscape, session: Session) -> None:
    landscape.hub.correct(ONE, legal_name="Acme Corporation")
    landscape.hub.floor = len(landscape.hub.feed)
    session.follower.resync()
    session.delivering.run()
    assert landscape.system.rows["vendor/1"].fields["name"] == "Acme Corporation"
    session.settle()
    assert len(landscape.system.written) == 1


def _only(session: Session, kind: type[Content]) -> Content:
    with session.outpost.database.reading() as connection:
        ledger = session.outpost.ledger
        names = ledger.page(connection, kind, systems=None, settled=True, before="", limit=10)
        assert len(names) == 1
        return ledger.read(connection, names)[names[0]]


def _other(landscape: Landscape, number: str, **values: str) -> None:
    """Let another system found a golden record."""

    record = SourceRecord(system="systems/other", key=number)
    record.content.Pack(Supplier(duns=number, **values))  # type: ignore[arg-type]
    landscape.hub.submit(record, 1)


def _until(year: int, month: int, day: int) -> EffectivePeriod:
    return EffectivePeriod(end_date=Date(year=year, month=month, day=day))


def _from(year: int, month: int, day: int) -> EffectivePeriod:
    return EffectivePeriod(start_date=Date(year=year, month=month, day=day))
