"""From what systems say to golden records."""

from datetime import timedelta

from concord.mdm.v1 import ingest_pb2, party_pb2, supplier_pb2
from services.mdm.storage.writing.intake import Quarantined
from services.mdm.storage.writing.write_path import Applied, Outcome
from tests.support.hub.stored import A_DAY, TestHub, statement

LEI = "529900T8BM49AURSDO55"


def applied(hub: TestHub, *said: ingest_pb2.SourceRecord) -> list[Applied]:
    answers = hub.submit(*said)
    assert all(isinstance(answer, Applied) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Applied)]


def test_a_first_sighting_founds_a_golden_record(hub: TestHub) -> None:
    (answer,) = applied(hub, statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="Becton Dickinson")))
    golden = hub.supplier(answer.golden)
    assert answer.outcome == Outcome.OUTCOME_CREATED
    assert golden.legal_name == "Becton Dickinson"
    assert golden.revision == 1
    assert list(golden.entities) == ["entities/north"]


def test_the_same_submission_again_changes_nothing(hub: TestHub) -> None:
    said = statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="Becton Dickinson"))
    first, again = applied(hub, said)[0], applied(hub, said)[0]
    assert again.outcome == Outcome.OUTCOME_UNCHANGED
    assert (again.golden, again.golden_revision, again.revision) == (first.golden, 1, 1)


def test_equal_strong_identifiers_link_even_within_one_batch(hub: TestHub) -> None:
    one, other, late = (
        statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="BD", lei=LEI)),
        statement("systems/workforce", "x", supplier_pb2.Supplier(legal_name="Becton", lei=LEI)),
        statement("systems/legacy", "z", supplier_pb2.Supplier(legal_name="B-D", lei=LEI)),
    )
    first, second = applied(hub, one, other)
    (third,) = applied(hub, late)
    assert first.golden == second.golden == third.golden
    golden = hub.supplier(first.golden)
    assert golden.legal_name == "BD"
    assert list(golden.entities) == ["entities/north", "entities/south"]


def test_an_equal_tax_id_alone_links_nothing(hub: TestHub) -> None:
    tax_id = party_pb2.TaxId(country="US", scheme="ein", value="041234567")
    first, second = applied(
        hub,
        statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="A", tax_ids=[tax_id])),
        statement("systems/legacy", "2", supplier_pb2.Supplier(legal_name="B", tax_ids=[tax_id])),
    )
    assert first.golden != second.golden


def test_a_key_twice_in_a_batch_is_applied_in_order(hub: TestHub) -> None:
    first, second = applied(
        hub,
        statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="Old")),
        statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="New"), at=A_DAY + timedelta(days=1)),
    )
    assert (first.golden_revision, second.golden_revision) == (1, 2)
    assert hub.supplier(second.golden).legal_name == "New"


def test_a_golden_record_is_deleted_with_its_last_source(hub: TestHub) -> None:
    content = supplier_pb2.Supplier(legal_name="A")
    (first,) = applied(hub, statement("systems/erp", "1", content))
    applied(hub, statement("systems/erp", "1", content, deleted=True))
    golden = hub.supplier(first.golden)
    assert golden.state == supplier_pb2.Supplier.STATE_DELETED
    applied(hub, statement("systems/erp", "1", content))
    assert hub.supplier(first.golden).state == supplier_pb2.Supplier.STATE_ACTIVE


def test_a_refused_record_is_quarantined_and_the_rest_goes_on(hub: TestHub) -> None:
    bad = statement("systems/erp", "2", supplier_pb2.Supplier(lei="wrong"))
    good = statement("systems/erp", "3", supplier_pb2.Supplier(legal_name="C"))
    quarantined, taken = hub.submit(bad, good)
    assert isinstance(taken, Applied)
    assert isinstance(quarantined, Quarantined)
    assert quarantined.name.startswith("systems/erp/quarantinedRecords/")
    assert hub.submit(bad) == [quarantined]
    assert hub.rows("SELECT revision FROM records WHERE record_type = 'quarantined_record'") == [(1,)]


def test_every_revision_has_its_change_row(hub: TestHub) -> None:
    applied(hub, *(statement("systems/erp", str(n), supplier_pb2.Supplier(legal_name=f"S{n}")) for n in range(20)))
    missing = "SELECT count(*) FROM revisions r LEFT JOIN changes c USING (record, revision) WHERE c.seq IS NULL"
    assert hub.rows(missing) == [(0,)]
