"""Coming back: what the hub pushed to a system and pulls again launders no provenance and makes no change."""

from datetime import timedelta

from concord.mdm.v1 import ingest_pb2, record_pb2, supplier_pb2
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.writing.write_path import Applied
from tests.storage.mdm.test_stewardship import update
from tests.support.hub.stored import A_DAY, TestHub, statement

LEI = "529900T8BM49AURSDO55"


def explained(hub: TestHub, name: str) -> record_pb2.Explanation:
    def read(connection: object) -> record_pb2.Explanation:
        revision = hub.parts.reader.read(connection, [name], None)[name]  # type: ignore[arg-type]
        return hub.parts.reader.explain(connection, SUPPLIER, revision)  # type: ignore[arg-type]

    return hub.parts.transactions.read(read)


def echoing(golden: supplier_pb2.Supplier, days: int) -> ingest_pb2.SourceRecord:
    said = statement(
        "systems/erp", "1", supplier_pb2.Supplier(legal_name="Becton", lei=LEI), at=A_DAY + timedelta(days)
    )
    said.echo.CopyFrom(
        ingest_pb2.Echo(golden_record=golden.name, golden_revision=golden.revision, paths=["legal_name"])
    )
    return said


def test_winners_sources_and_times_are_the_same_after_push_and_pull(hub: TestHub) -> None:
    (answer,) = hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="Bekton", lei=LEI)))
    assert isinstance(answer, Applied)
    hub.submit(statement("systems/legacy", "x", supplier_pb2.Supplier(legal_name="BEKTON", lei=LEI)))
    corrected = update(hub, hub.supplier(answer.golden), legal_name="Becton")
    before = explained(hub, corrected.name)
    for days in range(1, 100):
        hub.submit(echoing(corrected, days))
    assert explained(hub, corrected.name) == before
    assert hub.supplier(corrected.name) == corrected
    name = next(value for value in before.values if value.path == "legal_name")
    assert name.winner.system == "systems/hub"
    assert [loser.value for loser in name.losers] == ['"Bekton"', '"BEKTON"']


def test_a_value_that_the_system_changes_itself_is_its_own_again(hub: TestHub) -> None:
    (answer,) = hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="Bekton", lei=LEI)))
    assert isinstance(answer, Applied)
    corrected = update(hub, hub.supplier(answer.golden), legal_name="Becton")
    hub.submit(echoing(corrected, 1))
    later = statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="Mine", lei=LEI), at=A_DAY + timedelta(5))
    hub.submit(later)
    name = next(value for value in explained(hub, corrected.name).values if value.path == "legal_name")
    assert name.winner.system == "systems/hub"
    assert name.losers[0].value == '"Mine"'
    assert not name.losers[0].echoed


def test_a_document_that_the_hub_created_is_linked_to_what_was_delivered(hub: TestHub) -> None:
    (answer,) = hub.submit(statement("systems/workforce", "1", supplier_pb2.Supplier(legal_name="Becton")))
    assert isinstance(answer, Applied)
    said = statement("systems/erp", "new", supplier_pb2.Supplier(legal_name="Becton"))
    said.echo.CopyFrom(ingest_pb2.Echo(golden_record=answer.golden, golden_revision=1, paths=["legal_name"]))
    (linked,) = hub.submit(said)
    assert isinstance(linked, Applied)
    assert linked.golden == answer.golden
    assert hub.supplier(answer.golden).revision == linked.golden_revision
