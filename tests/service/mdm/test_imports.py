"""Imports over a real channel: every row accounted for, nothing twice, whatever breaks."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import import_pb2, ingest_pb2
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.types.supplier import SUPPLIER
from services.mesh.errors import from_status
from services.mesh.records import store
from tests.support.hub.importing import (
    ERP,
    Row,
    batches,
    imported,
    new_import,
    outcomes,
    supplier_row,
    violations,
)
from tests.support.hub.modelling import put_in_force
from tests.support.hub.served import READER, Client, ServedHub, refused
from tests.support.hub.stored import statement

LEI = "9999009KEQ3R1RWIXO06"
CHANGES = "SELECT count(*) FROM changes"


def told(client: Client, name: str) -> import_pb2.SourceImport:
    return client.imports.GetSourceImport(import_pb2.GetSourceImportRequest(name=name)).source_import


def rows_of(client: Client, name: str, **asked: int) -> import_pb2.ListImportedRowsResponse:
    return client.imports.ListImportedRows(import_pb2.ListImportedRowsRequest(name=name, **asked))  # type: ignore[arg-type] # numbers


def test_an_import_drops_no_row_silently(mesh: ServedHub, steward: Client) -> None:
    records = [supplier_row(str(number), lei="no lei" if number % 7 == 0 else "") for number in range(1, 96)]
    records[21] = ingest_pb2.SourceRecord(system=ERP, key="without content")
    records[40] = ingest_pb2.SourceRecord()
    name = new_import()
    rows = imported(steward, batches(name, records))
    assert [row.row for row in rows] == list(range(1, 96))
    counted = Counter(outcomes(rows))
    assert counted == {"created": 80, "refused": 15}
    stored = told(steward, name)
    assert (stored.row_count, stored.batch_count, stored.next_batch) == (95, 10, 11)
    assert {Row.Outcome.Name(each.outcome): each.count for each in stored.outcome_counts} == {
        "OUTCOME_CREATED": 80,
        "OUTCOME_REFUSED": 15,
    }
    assert mesh.hub.rows("SELECT count(*) FROM crosswalk") == [(80,)]


def test_a_batch_that_moves_more_than_a_transaction_may_change_is_taken_in_by_several(
    mesh: ServedHub, steward: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_CHANGES_A_TRANSACTION", 7)
    name = new_import()
    given = list(batches(name, [supplier_row(str(number)) for number in range(1, 21)], 20))
    rows = imported(steward, iter(given))
    assert [row.row for row in rows] == list(range(1, 21))
    assert Counter(outcomes(rows)) == {"created": 20}
    changes = mesh.hub.rows(CHANGES)
    assert imported(steward, iter(given)) == rows
    assert mesh.hub.rows(CHANGES) == changes


def test_a_refused_row_says_why_and_lies_in_quarantine_with_its_original_bytes(steward: Client) -> None:
    broken = supplier_row("2", lei="no lei")
    good, bad = imported(steward, batches(new_import(), [supplier_row("1"), broken]))
    assert (good.outcome, bad.outcome) == (Row.OUTCOME_CREATED, Row.OUTCOME_REFUSED)
    assert [violation.field for violation in violations(bad)] == ["content.lei"]
    request = ingest_pb2.GetQuarantinedRecordRequest(name=bad.quarantined_record)
    kept = steward.ingest.GetQuarantinedRecord(request).quarantined_record
    assert kept.original == broken.SerializeToString()


def test_a_row_without_a_name_is_refused_and_founds_nothing(steward: Client) -> None:
    empty, blank = supplier_row("e"), supplier_row("b", phone="555 0100")
    empty.content.CopyFrom(SUPPLIER.pack(Supplier()))
    blank.content.CopyFrom(SUPPLIER.pack(Supplier(legal_name="  ", phone="555 0100")))
    identified = statement(ERP, "i", Supplier(lei=LEI))
    rows = imported(steward, batches(new_import(), [empty, blank, identified]))
    assert outcomes(rows) == ["refused", "refused", "created"]
    for row in rows[:2]:
        assert from_status(row.error).reason == reasons.ERROR_REASON_INVALID_CONTENT
        assert [violation.field for violation in violations(row)] == ["content.legal_name"]
        assert row.quarantined_record


def test_rows_are_told_apart_by_what_became_of_them(steward: Client) -> None:
    imported(steward, batches(new_import(), [supplier_row("1"), supplier_row("2")]))
    other = supplier_row("3", lei=LEI)
    again = [supplier_row("1"), supplier_row("2", website="a.example.org"), other, supplier_row("4", lei=LEI)]
    rows = imported(steward, batches(new_import(), again))
    assert outcomes(rows) == ["unchanged", "updated", "created", "linked"]
    assert rows[2].golden_record == rows[3].golden_record


def test_a_row_that_waits_for_a_steward_is_queued(mesh: ServedHub, steward: Client) -> None:
    put_in_force(mesh.hub, SUPPLIER, default_model(SUPPLIER))
    said = {
        "1": Supplier(legal_name="Becton Dickinson and Company", phone="+1 201 555 0147"),
        "2": Supplier(legal_name="Becton Dickinson", phone="+1 201 555 0147"),
        "3": Supplier(legal_name="Cardinal Health"),
        "4": Supplier(legal_name="Cardnal Health"),
        "5": Supplier(legal_name="Owens and Minor"),
    }
    rows = imported(steward, batches(new_import(), [statement(ERP, key, content) for key, content in said.items()]))
    waits = {name for pair in mesh.hub.rows("SELECT low, high FROM match_candidates") for name in pair}
    assert outcomes(rows) == ["created", "linked", "queued", "queued", "created"]
    assert {row.source_record for row in rows if row.outcome == Row.OUTCOME_QUEUED} == waits


def test_a_key_that_comes_twice_in_a_batch_is_taken_in_twice_in_order(steward: Client) -> None:
    rows = imported(steward, batches(new_import(), [supplier_row("1"), supplier_row("1", website="a.example.org")]))
    assert outcomes(rows) == ["created", "updated"]
    assert rows[0].source_record == rows[1].source_record


def test_a_batch_that_comes_again_answers_as_it_did_and_does_nothing(mesh: ServedHub, steward: Client) -> None:
    name = new_import()
    requests = list(batches(name, [supplier_row(str(number)) for number in range(20)]))
    first = list(steward.ingest.ImportSourceRecords(iter(requests)))
    before = mesh.hub.rows(CHANGES)
    second = list(steward.ingest.ImportSourceRecords(iter(requests)))
    assert [answer.repeated_batch for answer in (*first, *second)] == [False, False, True, True]
    assert [answer.rows for answer in second] == [answer.rows for answer in first]
    assert mesh.hub.rows(CHANGES) == before


def test_a_batch_that_comes_on_two_streams_at_once_is_taken_in_once(mesh: ServedHub, steward: Client) -> None:
    requests = list(batches(new_import(), [supplier_row(str(number)) for number in range(60)]))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: imported(steward, requests), range(4)))
    assert all(answer == answers[0] for answer in answers)
    assert outcomes(answers[0]) == ["created"] * 60
    assert mesh.hub.rows("SELECT count(*) FROM records WHERE record_type = 'supplier'") == [(60,)]


def test_a_batch_that_comes_with_other_rows_is_refused(steward: Client) -> None:
    name = new_import()
    imported(steward, batches(name, [supplier_row("1")]))
    error = refused(lambda: imported(steward, batches(name, [supplier_row("2")])))
    assert (error.reason, error.metadata["batch"]) == (reasons.ERROR_REASON_REQUEST_ID_REUSED, "1")


def test_a_broken_import_goes_on_where_it_stopped_without_doing_anything_twice(
    mesh: ServedHub, steward: Client
) -> None:
    name = new_import()
    requests = list(batches(name, [supplier_row(str(number)) for number in range(80)]))
    hold = threading.Event()

    def broken_off() -> Iterator[ingest_pb2.ImportSourceRecordsRequest]:
        yield from requests[:5]
        hold.wait(60)

    stream = steward.ingest.ImportSourceRecords(broken_off())
    seen = [next(stream).batch for _ in range(3)]
    stream.cancel()
    hold.set()
    assert seen == [1, 2, 3]
    goes_on = told(steward, name).next_batch
    assert 4 <= goes_on <= 6
    imported(steward, requests[goes_on - 1 :])
    stored = told(steward, name)
    assert (stored.next_batch, stored.row_count) == (9, 80)
    assert [(each.outcome, each.count) for each in stored.outcome_counts] == [(Row.OUTCOME_CREATED, 80)]
    assert mesh.hub.rows("SELECT count(*), count(DISTINCT record) FROM revisions WHERE record_type = 'supplier'") == [
        (80, 80)
    ]


def test_a_batch_that_is_missing_is_where_an_import_goes_on(steward: Client) -> None:
    name = new_import()
    requests = list(batches(name, [supplier_row(str(number)) for number in range(50)]))
    imported(steward, requests[1:3])
    assert told(steward, name).next_batch == 1
    imported(steward, requests[:1])
    assert told(steward, name).next_batch == 4


def test_a_rehearsal_says_what_would_happen_and_keeps_nothing(mesh: ServedHub, steward: Client) -> None:
    imported(steward, batches(new_import(), [supplier_row("1", lei=LEI)]))
    before = mesh.hub.rows(CHANGES)
    records = [supplier_row("1", lei=LEI), supplier_row("2", lei=LEI), supplier_row("3"), supplier_row("4", lei="x")]
    name = new_import()
    rehearsed = imported(steward, batches(name, records, validate_only=True))
    assert outcomes(rehearsed) == ["unchanged", "linked", "created", "refused"]
    assert [bool(row.golden_record) for row in rehearsed] == [True, True, False, False]
    assert [row.quarantined_record for row in rehearsed] == [""] * 4
    assert mesh.hub.rows(CHANGES) == before
    assert refused(lambda: told(steward, name)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert outcomes(imported(steward, batches(name, records))) == outcomes(rehearsed)


def test_only_a_systems_own_submitters_import_for_it_and_nothing_of_another_system(steward: Client) -> None:
    for system, reason in (
        ("systems/nobody", reasons.ERROR_REASON_SYSTEM_UNKNOWN),
        ("systems/hub", reasons.ERROR_REASON_SYSTEM_NOT_OWNED),
    ):
        error = refused(lambda system=system: imported(steward, batches(new_import(system), [supplier_row("1")])))  # type: ignore[misc]
        assert error.reason == reason
    foreign = supplier_row("1")
    foreign.system = "systems/workforce"
    own = supplier_row("2")
    own.system = ""
    other, mine = imported(steward, batches(new_import(), [foreign, own]))
    assert from_status(other.error).reason == reasons.ERROR_REASON_SYSTEM_NOT_OWNED
    assert (mine.outcome, mine.source_record.startswith(ERP)) == (Row.OUTCOME_CREATED, True)


@pytest.mark.parametrize("name", ["systems/erp/sourceImports/1", "systems/erp", ""])
def test_an_import_is_named_by_a_uuid(steward: Client, name: str) -> None:
    error = refused(lambda: imported(steward, batches(name, [supplier_row("1")])))
    assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED


def test_the_report_is_listed_in_pages_and_by_outcome(steward: Client) -> None:
    records = [supplier_row(str(number), lei="x" if number % 5 == 0 else "") for number in range(1, 48)]
    name = new_import()
    rows = imported(steward, batches(name, records))
    listed: list[Row] = []
    token = ""
    while True:
        request = import_pb2.ListImportedRowsRequest(name=name, page_size=7, page_token=token)
        page = steward.imports.ListImportedRows(request)
        assert page.total_count == 47
        listed += page.rows
        token = page.next_page_token
        if not token:
            break
    assert listed == rows
    only = rows_of(steward, name, outcome=Row.OUTCOME_REFUSED)
    assert ([row.row for row in only.rows], only.total_count) == (list(range(5, 48, 5)), 9)
    assert rows_of(steward, name, outcome=Row.OUTCOME_LINKED).total_count == 0


def test_imports_are_seen_within_the_callers_entities(mesh: ServedHub, steward: Client) -> None:
    name = new_import()
    imported(steward, batches(name, [supplier_row("1")]))
    south = mesh.client(READER, entities=("entities/south",))
    assert refused(lambda: told(south, name)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert refused(lambda: rows_of(south, name)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    asked = import_pb2.ListSourceImportsRequest()
    assert not south.imports.ListSourceImports(asked).source_imports
    assert [each.name for each in steward.imports.ListSourceImports(asked).source_imports] == [name]
    asked.system = "systems/workforce"
    assert not steward.imports.ListSourceImports(asked).source_imports
