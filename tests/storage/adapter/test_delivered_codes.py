"""What is written to a system is in its own codes, or not written; another map lets everything be looked at again."""

import pytest
from google.protobuf.message import Message

from concord.adapter.v1.adapter_pb2 import Delivery, Discrepancy
from concord.mdm.v1.ingest_pb2 import SourceRecord
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.storage.ledger import Content
from services.adapter.systems.systems_file import DeliveryMode
from tests.support.adapter.outposts import ERP, Landscape, Session

ONE = "suppliers/000000001"


class Codes:
    """The phone stands for a code: the ERP has its own for some of the canonical ones."""

    def __init__(self, **own: str) -> None:
        self.own = own

    def __call__(self, golden: Message) -> tuple[Message, tuple[str, ...]]:
        assert isinstance(golden, Supplier)
        said = Supplier()
        said.CopyFrom(golden)
        if golden.phone and golden.phone not in self.own:
            said.ClearField("phone")
            return said, ("phone",)
        said.phone = self.own.get(golden.phone, "")
        return said, ()


@pytest.fixture
def codes(landscape: Landscape) -> Codes:
    landscape.hub.in_codes = Codes(one="1", two="2")
    return landscape.hub.in_codes


@pytest.fixture
def session(landscape: Landscape) -> Session:
    landscape.system.edit("vendor/1", number="000000001", name="Acme", phone="1")
    session = landscape.start()
    session.settle()
    return session


def phone(landscape: Landscape) -> object:
    return landscape.system.rows["vendor/1"].fields.get("phone")


def found(session: Session, kind: type[Content]) -> list[Content]:
    with session.outpost.database.reading() as connection:
        ledger = session.outpost.ledger
        names = ledger.page(connection, kind, systems=None, settled=True, before="", limit=10)
        return list(ledger.read(connection, names).values())


@pytest.mark.usefixtures("codes")
def test_a_canonical_code_is_written_as_the_systems_own_once_and_comes_back_as_an_echo(
    landscape: Landscape, session: Session
) -> None:
    landscape.hub.correct(ONE, phone="two")
    session.settle()
    assert phone(landscape) == "2"
    assert list(landscape.hub.submissions[-1].echo.paths) == ["phone"]
    for _ in range(3):
        session.pull(full=True)
        session.deliver()
    assert len(landscape.system.written) == 1
    assert landscape.hub.standing(ERP, "vendor/1")["phone"] == "1"


def test_a_value_without_a_certain_code_is_neither_written_nor_taken_back_but_told(
    landscape: Landscape, session: Session, codes: Codes
) -> None:
    landscape.hub.correct(ONE, phone="two")
    session.settle()
    landscape.hub.correct(ONE, phone="three", legal_name="Acme Corporation")
    session.settle()
    assert phone(landscape) == "2"
    assert landscape.system.rows["vendor/1"].fields["name"] == "Acme Corporation"
    (told,) = found(session, Discrepancy)
    assert isinstance(told, Discrepancy)
    assert (told.kind, told.key, list(told.paths)) == (Discrepancy.KIND_CODE_UNTRANSLATED, "vendor/1", ["phone"])
    assert not told.settled
    codes.own["three"] = "3"
    landscape.hub.change_map(ERP)
    session.settle()
    assert phone(landscape) == "3"
    (settled,) = found(session, Discrepancy)
    assert isinstance(settled, Discrepancy)
    assert settled.settled


def test_a_changed_map_lets_what_was_written_be_written_anew_though_no_golden_record_changed(
    landscape: Landscape, session: Session, codes: Codes
) -> None:
    landscape.hub.correct(ONE, phone="two")
    session.settle()
    codes.own["two"] = "22"
    landscape.hub.change_map("systems/other")
    session.settle()
    assert phone(landscape) == "2"
    landscape.hub.change_map(ERP)
    session.settle()
    assert phone(landscape) == "22"


def test_no_document_is_created_with_a_code_missing_until_there_is_one(landscape: Landscape, codes: Codes) -> None:
    landscape.mode = DeliveryMode.CREATE
    record = SourceRecord(system="systems/other", key="9")
    record.content.Pack(Supplier(duns="000000009", legal_name="New", phone="nine"))
    landscape.hub.submit(record, 1)
    session = landscape.start()
    session.settle()
    assert landscape.system.rows == {}
    (told,) = found(session, Discrepancy)
    assert isinstance(told, Discrepancy)
    assert (told.kind, told.key, list(told.paths)) == (Discrepancy.KIND_CODE_UNTRANSLATED, "", ["phone"])
    assert found(session, Delivery) == []
    codes.own["nine"] = "9"
    landscape.hub.change_map(ERP)
    session.settle()
    (row,) = landscape.system.rows.values()
    assert row.fields["phone"] == "9"
    assert [each.settled for each in found(session, Discrepancy) if isinstance(each, Discrepancy)] == [True]
