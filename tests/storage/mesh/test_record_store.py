"""The store on a real database: revisions, heads, locks, evidence."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from concord.audit.v1.audit_pb2 import OPERATION_CREATE, OPERATION_UPDATE, Leaf
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.party_pb2 import TaxId
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mesh.contract.validation import violations
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver
from services.mesh.records import positions
from services.mesh.records.store import RevisionDraft, State
from tests.support.database import inspection
from tests.support.database.record_service import ORIGIN, AuditInMemory, Ledger, draft, publish_everything
from tests.support.waiting import eventually

SUPPLIER = Supplier(legal_name="Medline", tax_ids=[TaxId(scheme="EIN", value="12-3456789")])


def leaves(database: Database) -> list[Leaf]:
    with database.reading() as connection:
        return [Leaf.FromString(row[0]) for row in driver(connection).execute("SELECT leaf FROM changes ORDER BY seq")]


def test_what_is_appended_is_read_back(ledger: Ledger, database: Database) -> None:
    source_time = datetime(2026, 3, 1, 12, tzinfo=UTC)
    given = RevisionDraft(
        "suppliers/1", "supplier", OPERATION_CREATE, SUPPLIER, entities=("entities/a", "entities/b"),
        inputs=b"because", source_time=source_time,
    )  # fmt: skip
    with database.transaction() as connection:
        ledger.store.append(connection, [given], ORIGIN)
    with database.reading() as connection:
        found = ledger.store.read(connection, ["suppliers/1", "suppliers/none"])
    revision = found.pop("suppliers/1")
    assert not found
    assert (revision.revision, revision.state, revision.operation) == (1, State.ACTIVE, OPERATION_CREATE)
    assert (revision.entities, revision.source_time) == (given.entities, source_time)
    assert ledger.store.content(revision, Supplier) == SUPPLIER
    assert ledger.store.inputs(revision) == b"because"
    assert revision.position is None


def test_without_clear_the_restricted_values_stay_sealed(ledger: Ledger, database: Database) -> None:
    ledger.change("suppliers/1", SUPPLIER)
    with database.reading() as connection:
        revision = ledger.store.read(connection, ["suppliers/1"])["suppliers/1"]
    expected = Supplier(legal_name="Medline", tax_ids=[TaxId(scheme="EIN")])
    assert ledger.store.content(revision, Supplier, clear=False) == expected


def test_no_table_holds_a_restricted_value_in_clear(ledger: Ledger, database: Database) -> None:
    ledger.change("suppliers/1", SUPPLIER)
    with database.reading() as connection:
        for table in (b"revisions", b"changes", b"record_keys"):
            rows = driver(connection).execute(b"TABLE " + table).fetchall()
            assert rows
            assert "3456789" not in repr(rows)


def test_the_new_heads_continue_in_the_same_transaction(ledger: Ledger, database: Database) -> None:
    with database.transaction() as connection:
        heads = ledger.write_in(connection, "suppliers/1", "suppliers/2")
        again = ledger.store.append(connection, [draft("suppliers/2", heads["suppliers/2"], SUPPLIER)], ORIGIN)
    assert (heads["suppliers/2"].revision, again["suppliers/2"].revision) == (1, 2)
    with database.reading() as connection:
        assert [each.revision for each in ledger.store.history(connection, "suppliers/2")] == [2, 1]


def test_history_pages_downwards(ledger: Ledger, database: Database) -> None:
    for _ in range(5):
        ledger.write("suppliers/1")
    with database.reading() as connection:
        assert [each.revision for each in ledger.store.history(connection, "suppliers/1", limit=2)] == [5, 4]
        assert [each.revision for each in ledger.store.history(connection, "suppliers/1", before=3)] == [2, 1]
        pairs = [("suppliers/1", 2), ("suppliers/1", 9)]
        assert list(ledger.store.read_revisions(connection, pairs)) == [("suppliers/1", 2)]


def test_a_record_that_exists_is_not_created_again(ledger: Ledger, database: Database) -> None:
    ledger.write("suppliers/1")
    with pytest.raises(ConcordError) as caught, database.transaction() as connection:
        ledger.store.append(connection, [draft("suppliers/1", None, SUPPLIER)], ORIGIN)
    assert caught.value.reason == reasons.ERROR_REASON_RECORD_EXISTS


def test_a_head_that_is_not_the_newest_any_more_is_refused(ledger: Ledger, database: Database) -> None:
    ledger.write("suppliers/1", "suppliers/2")
    with database.transaction() as connection:
        stale = ledger.store.lock(connection, ["suppliers/1", "suppliers/2"])
    ledger.write("suppliers/1")
    drafts = [draft(name, head, SUPPLIER) for name, head in stale.items()]
    with pytest.raises(ConcordError) as caught, database.transaction() as connection:
        ledger.store.append(connection, drafts, ORIGIN)
    assert caught.value.reason == reasons.ERROR_REASON_CONCURRENT_CHANGE
    with database.reading() as connection:
        assert ledger.store.read(connection, ["suppliers/2"])["suppliers/2"].revision == 1


def test_a_record_comes_once_per_call(ledger: Ledger, database: Database) -> None:
    with pytest.raises(ValueError, match="twice"), database.transaction() as connection:
        ledger.store.append(connection, [draft("suppliers/1", None, SUPPLIER)] * 2, ORIGIN)


@pytest.mark.parametrize("entity", ["", "entities/a\nentities/b"])
def test_an_entity_that_would_fall_apart_is_refused(ledger: Ledger, database: Database, entity: str) -> None:
    with pytest.raises(ValueError, match="entity"), database.transaction() as connection:
        ledger.store.append(connection, [replace(draft("suppliers/1", None, SUPPLIER), entities=(entity,))], ORIGIN)


def test_a_record_lies_in_no_more_entities_than_its_leaf_may_name(ledger: Ledger, database: Database) -> None:
    def in_entities(count: int) -> RevisionDraft:
        return replace(draft("suppliers/1", None, SUPPLIER), entities=tuple(f"entities/{n}" for n in range(count)))

    with database.transaction() as connection:
        with pytest.raises(ConcordError) as refused:
            ledger.store.append(connection, [in_entities(1001)], ORIGIN)
        assert refused.value.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
        ledger.store.append(connection, [in_entities(1000)], ORIGIN)
    audit = AuditInMemory()
    publish_everything(database, audit)
    (leaf,) = audit.leaves
    assert violations(Leaf.FromString(leaf)) == []


def test_more_than_a_thousand_changes_are_refused_in_one_call(ledger: Ledger) -> None:
    with pytest.raises(ConcordError, match="more records than one transaction may"):
        ledger.write(*(f"suppliers/{number}" for number in range(1001)))


def test_more_than_a_thousand_changes_are_refused_over_several_calls(ledger: Ledger, database: Database) -> None:
    with database.transaction() as connection:
        ledger.write_in(connection, *(f"suppliers/{number}" for number in range(600)))
        with pytest.raises(ConcordError, match="more records than one transaction may"):
            ledger.write_in(connection, *(f"suppliers/{number}" for number in range(600, 1001)))
        connection.rollback()
    ledger.write(*(f"suppliers/{number}" for number in range(1000)))
    ledger.write("suppliers/5")


def test_a_lock_waits_for_the_writer_and_sees_its_revision(ledger: Ledger, database: Database) -> None:
    ledger.write("suppliers/1")
    locked: list[int] = []

    def lock() -> None:
        with database.transaction() as connection:
            head = ledger.store.lock(connection, ["suppliers/1"])["suppliers/1"]
            assert head is not None
            locked.append(head.revision)

    with database.transaction() as connection:
        ledger.write_in(connection, "suppliers/1")
        waiter = threading.Thread(target=lock)
        waiter.start()
        eventually(lambda: _waiting_for_locks(database) == 1)
    waiter.join()
    assert locked == [2]


def test_the_leaf_tells_who_and_what_changed(ledger: Ledger, database: Database) -> None:
    ledger.change("suppliers/1", SUPPLIER)
    ledger.change("suppliers/1", Supplier(legal_name="Medline Industries", tax_ids=SUPPLIER.tax_ids))
    first, second = leaves(database)
    assert (second.source_service, second.record, second.revision) == ("tests", "suppliers/1", 2)
    assert (second.actor, second.reason, second.operation) == (ORIGIN.actor, ORIGIN.reason, OPERATION_UPDATE)
    assert [field.path for field in first.fields] == ["legal_name", "tax_ids[0].scheme", "tax_ids[0].value"]
    assert [field.path for field in second.fields] == ["legal_name"]
    assert second.fields[0].old == first.fields[0].new
    assert second.fields[0].new not in (b"", second.fields[0].old)
    assert len(second.content_digest) == 32


def test_a_published_position_shows_the_past(ledger: Ledger, database: Database, audit: AuditInMemory) -> None:
    ledger.write("suppliers/1", legal_name="Before")
    publish_everything(database, audit)
    with database.reading() as connection:
        then = positions.newest(connection)
    ledger.write("suppliers/1", "suppliers/2", legal_name="After")
    publish_everything(database, audit)
    with database.reading() as connection:
        past = ledger.store.read(connection, ["suppliers/1", "suppliers/2"], position=then)
        assert {name: ledger.store.content(each, Supplier).legal_name for name, each in past.items()} == {
            "suppliers/1": "Before"
        }
        assert [each.revision for each in ledger.store.history(connection, "suppliers/1", position=then)] == [1]
        assert inspection.revisions_without_change(connection) == []


def _waiting_for_locks(database: Database) -> int:
    with database.reading() as connection:
        row = driver(connection).execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        return row[0] if row else 0
