"""A steward's deletion: of what only systems speak of, and of what shares its identifiers with another record."""

from concord.mdm.v1 import supplier_pb2
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.writing.write_path import Applied
from tests.storage.mdm.test_stewardship import create, update, wanted
from tests.support.hub.stored import TestHub, decision, statement

LEI = "529900T8BM49AURSDO55"
NPIS = ("1234567893", "1245319599")


def delete(hub: TestHub, name: str, *, deleted: bool = True) -> supplier_pb2.Supplier:
    before = hub.supplier(name)
    made = hub.parts.stewardship.delete(SUPPLIER, name, before.etag, decision(before), deleted=deleted)
    assert isinstance(made, supplier_pb2.Supplier)
    return made


def ingested(hub: TestHub, key: str, **fields: str) -> str:
    (answer,) = hub.submit(statement("systems/erp", key, supplier_pb2.Supplier(**fields)))  # type: ignore[arg-type]
    assert isinstance(answer, Applied)
    return answer.golden


def test_a_record_that_only_systems_speak_of_is_deleted_and_brought_back(hub: TestHub) -> None:
    name = ingested(hub, "1", legal_name="BD")
    assert delete(hub, name).state == supplier_pb2.Supplier.STATE_DELETED
    ingested(hub, "1", legal_name="Becton")
    assert hub.supplier(name).state == supplier_pb2.Supplier.STATE_DELETED
    back = delete(hub, name, deleted=False)
    assert (back.state, back.legal_name) == (supplier_pb2.Supplier.STATE_ACTIVE, "Becton")


def test_an_identifier_that_another_record_carries_too_bars_neither_deletion_nor_correction(hub: TestHub) -> None:
    made = create(hub, wanted(legal_name="BD", lei=LEI, npi=NPIS[0]))
    other = ingested(hub, "1", legal_name="BD Rx", lei=LEI, npi=NPIS[1])
    assert other != made.name
    assert update(hub, made, legal_name="Becton").legal_name == "Becton"
    assert delete(hub, made.name).state == supplier_pb2.Supplier.STATE_DELETED
