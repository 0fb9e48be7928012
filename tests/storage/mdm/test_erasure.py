"""Erasure: nothing of a record comes back from any table or backup, and that it was erased is evidence."""

import base64
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from sqlalchemy import text

from concord.audit.v1.audit_pb2 import Leaf
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.governance.v1 import options_pb2
from concord.mdm.v1 import erasure_pb2, hold_pb2, merge_pb2, party_pb2, pin_pb2, supplier_pb2
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.deciding.etag import etag_of
from services.mdm.storage.retention import derived_rows
from services.mdm.storage.retention.erasure import Erased
from services.mdm.storage.retention.expiry import ITSELF
from services.mdm.storage.schema import MIGRATIONS
from services.mdm.storage.stewardship.change_requests import Target
from services.mdm.storage.stewardship.merging import Marked, Ruling
from services.mdm.storage.stewardship.pins import Asked
from services.mdm.storage.tables.record_index import purpose
from services.mdm.storage.writing.intake import Quarantined
from services.mdm.storage.writing.write_path import Applied
from services.mesh.errors import ConcordError
from services.mesh.postgres.arrays import text_array
from services.mesh.postgres.database import driver
from services.mesh.records.keys import KeyRing, RecordKey, SealBroken, WrappedKey
from tests.support.database.databases import Databases
from tests.support.hub.stored import TestHub, decision, hub_on, statement, test_hub

IBAN = "DE02120300000000202051"
HOLDER = "Zacharias Quendelmoser"
NAME = "Quendelmoser Instruments"
PLANTED = (IBAN, HOLDER, NAME)
LEI = "529900T8BM49AURSDO55"
LEI_OF_MOVING = "5493001KJTIIGC8Y1R12"
ERASE_AGAIN = Path(__file__).parents[3] / "docs" / "runbooks" / "erase-again.sql"
NEVER = datetime(2100, 1, 1, tzinfo=UTC)

CHANGE = """
INSERT INTO changes (record, revision, record_type, operation, entities, traceparent, occurred_at, leaf)
VALUES ('suppliers/1', 1, 'supplier', 1, '{}', '', now(), 'x')
"""
RESTORED = ("records", "revisions", "changes")

Dump = dict[str, str]


@pytest.fixture(scope="module")
def hub(databases: Databases) -> Iterator[TestHub]:
    """One hub for the whole module: what its tests plant is told apart by key."""
    with test_hub(databases) as opened:
        yield opened


def content(name: str = NAME, **more: object) -> supplier_pb2.Supplier:
    account = party_pb2.BankAccount(code="main", account_number=IBAN, account_holder=HOLDER)
    return supplier_pb2.Supplier(legal_name=name, bank_accounts=[account], **more)  # type: ignore[arg-type]


def founded(hub: TestHub, key: str, said: supplier_pb2.Supplier) -> str:
    (answer,) = hub.submit(statement("systems/erp", key, said))
    assert isinstance(answer, Applied)
    return answer.golden


def delete(hub: TestHub, name: str) -> None:
    before = hub.supplier(name)
    hub.parts.stewardship.delete(SUPPLIER, name, before.etag, decision(before), deleted=True)


def erase(hub: TestHub, name: str, *, rehearsal: bool = False) -> Erased:
    decided = decision(erasure_pb2.EraseRecordRequest(), rehearsal=rehearsal)
    decided = replace(decided, origin=replace(decided.origin, actor="officer@example.org"))
    newest = hub.rows(f"SELECT revision FROM records WHERE record = '{name}'")  # noqa: S608 - ours
    revision = newest[0][0] if newest else 1
    assert isinstance(revision, int)
    return hub.parts.erasure.erase(name, etag_of(name, revision), "DSR-4", decided)


def dump(hub: TestHub) -> Dump:
    """Return every table as COPY gives it, as a backup would."""
    tables = hub.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    found = {}
    with hub.database.reading() as connection, driver(connection).cursor() as cursor:
        for (table,) in tables:
            with cursor.copy(f"COPY (SELECT * FROM public.{table}) TO STDOUT".encode()) as copy:  # noqa: S608 - ours
                found[str(table)] = b"".join(copy).decode()
    return found


def spellings(hub: TestHub, value: str) -> set[str]:
    """Return every way in which a value would show in a dump: as text, as bytea, in base64, as a token."""
    paths = hub.rows("SELECT DISTINCT record_type, path FROM record_index")
    sealer = hub.parts.store.sealer
    said = {value, value.casefold()}
    tokens = {sealer.token(each, purpose(str(kind), str(path))) for kind, path in paths for each in said}
    return said | {each.encode().hex() for each in said} | {base64.b64encode(value.encode()).decode()} | tokens


def found_in(hub: TestHub, dumped: Dump, *values: str) -> set[str]:
    """Return the tables that hold any of the values."""
    wanted = {spelling for value in values for spelling in spellings(hub, value)}
    return {table for table, rows in dumped.items() if any(spelling in rows for spelling in wanted)}


def refused(action: object) -> ConcordError:
    assert callable(action)
    with pytest.raises(ConcordError) as caught:
        action()
    return caught.value


def with_everything_about_it(hub: TestHub) -> tuple[str, set[str]]:
    """Plant a supplier merged of two, corrected, pinned, asked for, quarantined and deleted; return what is of it."""
    kept, gone = founded(hub, "E1", content(lei=LEI)), founded(hub, "E2", content("Quendelmoser Ltd"))
    founded(hub, "E1", content(f"{NAME} GmbH", lei=LEI))
    (bad,) = hub.submit(statement("systems/erp", "E1", content(NAME, lei="wrong")))
    assert isinstance(bad, Quarantined)
    pinned = supplier_pb2.Supplier(legal_name=f"{NAME} pinned")
    asked = Asked(SUPPLIER, kept, hub.supplier(kept).etag, "legal_name", pinned, "T-17", NEVER)
    pin = hub.parts.pins.pin(asked, decision(pin_pb2.PinValueRequest()))
    wanted = supplier_pb2.Supplier(legal_name=f"{NAME} wanted")
    request = hub.parts.change_requests.ask_for_change(
        Target(SUPPLIER, kept, hub.supplier(kept).etag), lambda _: (wanted, ["legal_name"]), None, "T-18",
        decision(pin_pb2.PinValueRequest()),
    )  # fmt: skip
    one, other = (Marked(name, hub.supplier(name).etag) for name in (kept, gone))
    hub.parts.merging.merge(
        SUPPLIER, one, other, Ruling("the same", withdraw=True), decision(merge_pb2.MergeSuppliersRequest())
    )
    sources = {str(name) for (name,) in hub.rows(f"SELECT source_record FROM crosswalk WHERE golden = '{kept}'")}  # noqa: S608 - ours
    delete(hub, kept)
    sources |= {str(name) for (name,) in hub.rows(f"SELECT source_record FROM crosswalk WHERE golden = '{kept}'")}  # noqa: S608 - ours
    return kept, {kept, gone, pin.name, request.name, bad.name, *sources}


def test_nothing_of_an_erased_record_comes_back_from_any_table_and_all_of_it_is_evidence(hub: TestHub) -> None:
    bystander = founded(hub, "B1", supplier_pb2.Supplier(legal_name="Bystander"))
    name, about = with_everything_about_it(hub)
    before = dump(hub)
    assert {"revisions", "record_index"} <= found_in(hub, before, *PLANTED)
    assert found_in(hub, before, IBAN) <= {"record_index", "revisions"}
    erased = erase(hub, name)
    assert set(erased.records) == about
    assert found_in(hub, dump(hub), *PLANTED) == set()
    ended = hub.rows(
        """
        SELECT c.record, c.leaf, v.body, v.sealed, v.inputs FROM changes c JOIN revisions v USING (record, revision)
        JOIN records r USING (record, revision) WHERE c.operation = 7
        """
    )
    leaves = [Leaf.FromString(bytes(leaf)) for _, leaf, *_ in ended if isinstance(leaf, bytes)]
    assert {leaf.record for leaf in leaves} == about
    assert {(leaf.actor, leaf.reason, len(leaf.fields)) for leaf in leaves} == {("officer@example.org", "DSR-4", 0)}
    assert {(body, sealed, inputs) for _, _, body, sealed, inputs in ended} == {(b"", None, None)}
    assert hub.supplier(bystander).legal_name == "Bystander"


def test_what_a_backup_brought_back_is_emptied_again_by_the_owner(databases: Databases) -> None:
    with databases.cloned(MIGRATIONS) as migrated, migrated.opened() as database:
        hub = hub_on(database)
        hub.register()
        bystander = founded(hub, "B1", supplier_pb2.Supplier(legal_name="Bystander"))
        name, about = with_everything_about_it(hub)
        assert found_in(hub, dump(hub), *PLANTED) != set()
        script = ERASE_AGAIN.read_text().replace(":'names'", f"'{text_array(sorted(about))}'")
        with migrated.opened_by_owner() as owner, closing(owner.connect("tests")) as connection:
            connection.execute(script.encode())
        assert found_in(hub, dump(hub), *PLANTED) == set()
        assert refused(lambda: hub.supplier(name)).reason == reasons.ERROR_REASON_RECORD_ERASED
        assert hub.supplier(bystander).legal_name == "Bystander"
        assert {table for table in derived_rows.NAMED_BY if f" public.{table} " not in script} == set()
        assert hub.rows("SELECT tgname FROM pg_trigger WHERE tgenabled = 'D'") == []


def test_an_erased_record_answers_that_it_was_and_its_name_is_never_used_again(hub: TestHub) -> None:
    name = founded(hub, "A1", content())
    first = hub.supplier(name)
    delete(hub, name)
    erased = erase(hub, name)
    assert refused(lambda: hub.supplier(name)).reason == reasons.ERROR_REASON_RECORD_ERASED
    assert refused(lambda: erase(hub, name)).reason == reasons.ERROR_REASON_RECORD_ERASED
    undelete = decision(first)
    steward = hub.parts.stewardship
    back = refused(lambda: steward.delete(SUPPLIER, name, etag_of(name, erased.revision), undelete, deleted=False))
    assert back.reason == reasons.ERROR_REASON_RECORD_ERASED
    again = founded(hub, "A1", content())
    assert again != name
    assert hub.supplier(again).revision == 1


def test_a_backup_from_before_an_erasure_opens_nothing_with_the_keys_from_after(
    hub: TestHub, databases: Databases
) -> None:
    name, other = founded(hub, "K1", content("Kept apart")), founded(hub, "K2", content("Bystander"))
    before = dump(hub)
    delete(hub, name)
    erase(hub, name)
    with databases.cloned(MIGRATIONS) as migrated, migrated.opened_by_owner() as restored:
        with restored.transaction() as connection:
            for table, rows in [(table, before[table]) for table in RESTORED] + [
                ("record_keys", dump(hub)["record_keys"])
            ]:
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                with driver(connection).cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                    copy.write(rows)
        with restored.reading() as connection:
            revisions = hub.parts.store.read(connection, [name, other])
    assert revisions[name].sealed
    assert IBAN.encode() not in revisions[name].body
    error = refused(lambda: hub.parts.store.content(revisions[name], supplier_pb2.Supplier))
    assert error.reason == reasons.ERROR_REASON_RECORD_ERASED
    assert hub.parts.store.content(revisions[other], supplier_pb2.Supplier).bank_accounts[0].account_number == IBAN


def test_what_is_in_use_is_not_erased_and_a_rehearsal_changes_nothing(hub: TestHub) -> None:
    name = founded(hub, "U1", content("In use"))
    assert refused(lambda: erase(hub, name)).reason == reasons.ERROR_REASON_RECORD_NOT_DELETED
    delete(hub, name)
    assert erase(hub, name, rehearsal=True).name == name
    assert hub.supplier(name).legal_name == "In use"
    assert refused(lambda: erase(hub, "suppliers/none")).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


@pytest.mark.parametrize("subject", ["the record", "entities/north", "entities/group", "*"])
def test_a_legal_hold_stops_an_erasure_until_it_is_released(hub: TestHub, subject: str) -> None:
    name = founded(hub, f"H {subject}", content(f"Held by {subject}"))
    delete(hub, name)
    request = hold_pb2.PlaceHoldRequest()
    hold = hub.parts.holds.place(name if subject == "the record" else subject, "Case 7", decision(request))
    error = refused(lambda: erase(hub, name))
    assert (error.reason, error.metadata["hold"]) == (reasons.ERROR_REASON_RECORD_HELD, hold.name)
    released = hub.parts.holds.release(hold.name, hold.etag, "settled", decision(request))
    assert (released.released, released.revision) == (True, 2)
    again = refused(lambda: hub.parts.holds.release(hold.name, released.etag, "settled", decision(request)))
    assert again.reason == reasons.ERROR_REASON_RECORD_DELETED
    assert name in erase(hub, name).records


def test_what_ended_long_ago_is_erased_by_the_hub_itself_but_for_what_is_held(hub: TestHub) -> None:
    kept, gone, held = (founded(hub, f"T{number}", content(f"Ended {number}")) for number in range(3))
    (bad,) = hub.submit(statement("systems/erp", "T9", content(NAME, lei="wrong")))
    assert isinstance(bad, Quarantined)
    hold = hub.parts.holds.place(held, "Case 9", decision(hold_pb2.PlaceHoldRequest()))
    delete(hub, gone)
    delete(hub, held)
    at_once = {options_pb2.RETENTION_RECORD: timedelta(0)}
    assert hub.parts.retention.work({options_pb2.RETENTION_RECORD: timedelta(days=1)}) is False
    assert hub.supplier(gone).legal_name == "Ended 1"
    hub.parts.retention.work(at_once)
    assert refused(lambda: hub.supplier(gone)).reason == reasons.ERROR_REASON_RECORD_ERASED
    assert [hub.supplier(name).legal_name for name in (kept, held)] == ["Ended 0", "Ended 2"]
    (leaf,) = (row[0] for row in hub.rows(f"SELECT leaf FROM changes WHERE record = '{gone}' AND operation = 7"))  # noqa: S608 - ours
    assert isinstance(leaf, bytes)
    assert Leaf.FromString(leaf).actor == ITSELF
    hub.parts.holds.release(hold.name, hold.etag, "settled", decision(hold_pb2.PlaceHoldRequest()))
    founded(hub, "T9", content("Mended"))
    hub.parts.retention.work(dict.fromkeys(options_pb2.Retention.values(), timedelta(0)))
    waiting = hub.rows(f"SELECT record FROM record_keys WHERE record IN ('{held}', '{bad.name}')")  # noqa: S608 - ours
    assert waiting == []


def test_a_hold_names_every_entity_that_its_record_ever_was_of(hub: TestHub) -> None:
    name = founded(hub, "moving", content("Moving", lei=LEI_OF_MOVING))
    assert founded_by("systems/workforce", hub, content("Moving", lei=LEI_OF_MOVING)) == name
    gone = statement("systems/erp", "moving", supplier_pb2.Supplier())
    gone.deleted = True
    hub.submit(gone)
    assert hub.rows(f"SELECT entities FROM records WHERE record = '{name}'") == [(["entities/south"],)]  # noqa: S608 - ours
    hold = hub.parts.holds.place(name, "Case 11", decision(hold_pb2.PlaceHoldRequest()))
    told = hub.rows(f"SELECT entities FROM changes WHERE record = '{hold.name}'")  # noqa: S608 - ours
    assert told == [(["entities/north", "entities/south"],)]
    hub.parts.holds.release(hold.name, hold.etag, "settled", decision(hold_pb2.PlaceHoldRequest()))


def founded_by(system: str, hub: TestHub, said: supplier_pb2.Supplier) -> str:
    (answer,) = hub.submit(statement(system, "moving", said))
    assert isinstance(answer, Applied)
    return answer.golden


def test_what_was_asked_for_and_never_founded_is_erased_when_its_time_is_over(hub: TestHub) -> None:
    request = erasure_pb2.EraseRecordRequest()
    said = content("Never founded")
    said.entities.append("entities/north")
    kept, gone = (hub.parts.change_requests.ask_for_record(SUPPLIER, said, "T-1", decision(request)) for _ in range(2))
    hub.parts.change_requests.withdraw(gone.name, gone.etag, decision(request))
    hub.parts.retention.work({options_pb2.RETENTION_RECORD: timedelta(days=1)})
    assert keys_of(hub, kept.name, gone.name) == {kept.name, gone.name}
    hub.parts.retention.work({options_pb2.RETENTION_RECORD: timedelta(0)})
    assert keys_of(hub, kept.name, gone.name) == {kept.name}


def keys_of(hub: TestHub, *names: str) -> set[object]:
    """Return those of the records whose contents can still be opened."""
    return {name for (name,) in hub.rows("SELECT record FROM record_keys")} & {*names}


def test_a_record_that_can_not_be_opened_keeps_none_behind_it(
    hub: TestHub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, gone = sorted(founded(hub, f"B{number}", content(f"Ended {number}")) for number in range(2))
    delete(hub, broken)
    delete(hub, gone)
    open_key = KeyRing.unwrap

    def only_some(ring: KeyRing, stored: WrappedKey) -> RecordKey:
        if stored.record == broken:
            raise SealBroken("of a version that is in no file any more")
        return open_key(ring, stored)

    monkeypatch.setattr(KeyRing, "unwrap", only_some)
    hub.parts.retention.work({options_pb2.RETENTION_RECORD: timedelta(0)})
    assert refused(lambda: hub.supplier(gone)).reason == reasons.ERROR_REASON_RECORD_ERASED
    assert f"{broken} stays although its retention is over: it can't be opened" in caplog.messages


def test_a_record_that_was_once_merged_with_an_erased_one_lives_on_and_says_what_it_cannot_explain(
    hub: TestHub,
) -> None:
    lives, goes = founded(hub, "M1", content("Lives on")), founded(hub, "M2", content("Goes", phone="+1 555 0100"))
    source = hub.rows("SELECT source_record FROM crosswalk WHERE key = 'M2'")[0][0]
    one, other = (Marked(name, hub.supplier(name).etag) for name in (lives, goes))
    request = merge_pb2.MergeSuppliersRequest()
    merged = hub.parts.merging.merge(SUPPLIER, one, other, Ruling("the same", withdraw=True), decision(request))
    hub.parts.merging.unmerge(str(source), merged.etag, [], "two", decision(request))
    delete(hub, goes)
    assert set(erase(hub, goes).records) >= {goes, source}
    founded(hub, "M1", content("Lives on", phone="+1 555 0199"))
    assert hub.supplier(lives).phone == "+1 555 0199"
    pair = (lives, merged.revision)

    def explained() -> object:
        reader, store = hub.parts.reader, hub.parts.store
        return hub.parts.transactions.read(lambda c: reader.explain(c, SUPPLIER, store.read_revisions(c, [pair])[pair]))

    error = refused(explained)
    assert (error.reason, error.metadata["name"]) == (reasons.ERROR_REASON_RECORD_ERASED, source)


def test_rebuilding_and_lists_go_on_without_what_was_erased(hub: TestHub) -> None:
    name = founded(hub, "R1", content("Rebuilt"))
    delete(hub, name)
    erase(hub, name)
    differences, seen, _ = hub.parts.rebuilding.differences(SUPPLIER, "", 400)
    assert list(differences) == []
    assert name not in seen


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT erase_records(ARRAY['{name}'])", "does not end in its erasure"),
        ("DELETE FROM record_keys WHERE record = '{name}'", "permission denied"),
        ("UPDATE revisions SET body = '' WHERE record = '{name}'", "permission denied"),
        ("DELETE FROM holds", "permission denied"),
    ],
)
def test_the_services_role_erases_nothing_without_evidence(hub: TestHub, sql: LiteralString, said: str) -> None:
    name = founded(hub, f"G {sql}", content("Guarded"))
    with pytest.raises(psycopg.Error, match=said), hub.database.transaction() as connection:
        driver(connection).execute(sql.format(name=name).encode())
    assert hub.supplier(name).legal_name == "Guarded"


def test_not_even_what_ends_in_its_erasure_is_emptied_under_a_hold_that_only_the_database_sees(hub: TestHub) -> None:
    name = founded(hub, "D1", content("Doubly held"))
    hold = hub.parts.holds.place(name, "Case 8", decision(hold_pb2.PlaceHoldRequest()))
    store = hub.parts.store
    with hub.database.engine.connect() as connection:
        head = store.lock(connection, [name])[name]
        assert head is not None
        with pytest.raises(psycopg.errors.RestrictViolation, match="by an erasure only"):
            store.erase(connection, [head], decision(hold_pb2.PlaceHoldRequest()).origin)
        connection.rollback()
    hub.parts.holds.release(hold.name, hold.etag, "settled", decision(hold_pb2.PlaceHoldRequest()))


def test_the_owner_changes_revisions_by_an_erasure_only(databases: Databases) -> None:
    with databases.cloned(MIGRATIONS) as migrated, migrated.opened() as database:
        with database.transaction() as connection:
            for sql in (
                "INSERT INTO records VALUES ('suppliers/1', 'supplier', 1, 1, '{}')",
                "INSERT INTO revisions VALUES ('suppliers/1', 1, 'supplier', 1, 'x', NULL, NULL, NULL, now())",
                CHANGE,
                "INSERT INTO record_keys VALUES ('suppliers/1', 'x', 1)",
            ):
                connection.execute(text(sql))
        with migrated.opened_by_owner() as owner:
            for sql in ("UPDATE revisions SET body = ''", "DELETE FROM record_keys", "DELETE FROM revisions"):
                with pytest.raises(Exception, match=r"erasure only|never changed"), owner.transaction() as connection:
                    connection.execute(text(sql))
