"""AdapterService: what operators see and do, and what they must not."""

import time
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from concord.adapter.v1 import adapter_pb2 as pb
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.supplier_pb2 import LookupSupplierRequest
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.mesh.errors import from_status
from tests.support.adapter.fake_connector import FakeSystem
from tests.support.adapter.served import ERP, OPERATOR, ServedAdapter, served_adapter
from tests.support.database.databases import Databases
from tests.support.hub.served import Client, ServedHub, refused
from tests.support.waiting import eventually

SECRET = "Planted-IBAN-4711"


@pytest.fixture
def waiting(databases: Databases, mesh: ServedHub, system: FakeSystem) -> Iterator[ServedAdapter]:
    """An adapter that polls too seldom to do anything by itself during a test, with one broken document."""
    system.edit("vendor/3", number="100000003", name=SECRET, broken="yes")
    with served_adapter(databases, mesh, system, poll_interval_s=600) as running:
        running.settle()
        eventually(lambda: running.state().last_contact_time.seconds)
        yield running


def test_the_states_say_how_every_system_is_doing(waiting: ServedAdapter) -> None:
    (state,) = waiting.client().ListSystemStates(pb.ListSystemStatesRequest()).system_states
    assert (state.system, state.connector, state.state) == (ERP, "fake", pb.SystemState.STATE_RUNNING)
    assert state.pull_cursor == "3"
    assert state.quarantined_count == 1
    assert state.last_pull_time.seconds
    assert state.last_contact_time.seconds
    assert not state.HasField("last_error")


def test_a_sync_says_what_became_of_the_documents(waiting: ServedAdapter, system: FakeSystem) -> None:
    system.edit("vendor/4", number="100000004", name="Fresh")
    system.edit("vendor/1", phone="2")
    answer = waiting.client().SyncSystem(pb.SyncSystemRequest(system=ERP))
    counted = (answer.read_count, answer.created_count, answer.updated_count, answer.quarantined_count)
    assert counted == (2, 1, 1, 0)
    everything = waiting.client().SyncSystem(pb.SyncSystemRequest(system=ERP, full=True))
    assert (everything.read_count, everything.unchanged_count, everything.quarantined_count) == (4, 3, 1)


def test_a_sync_of_a_system_that_does_not_answer_is_a_typed_refusal(waiting: ServedAdapter, system: FakeSystem) -> None:
    for kind, reason in (
        (RemoteErrorKind.TRANSIENT, reasons.ERROR_REASON_EXTERNAL_UNAVAILABLE),
        (RemoteErrorKind.AUTHENTICATION, reasons.ERROR_REASON_EXTERNAL_REFUSED),
    ):
        system.failure = RemoteError(kind, SECRET)
        error = refused(lambda: waiting.client().SyncSystem(pb.SyncSystemRequest(system=ERP)))
        assert error.reason == reason
        assert SECRET not in str(error)
    assert waiting.state().state == pb.SystemState.STATE_FAILING
    system.failure = None


def test_a_paused_system_is_left_alone_until_it_is_resumed(
    running: ServedAdapter, steward: Client, system: FakeSystem
) -> None:
    client = running.client()
    request = pb.PauseSystemRequest(system=ERP, request_id=str(uuid.uuid4()))
    paused = client.PauseSystem(request).system_state
    assert paused.state == pb.SystemState.STATE_PAUSED
    assert client.PauseSystem(request).system_state.state == pb.SystemState.STATE_PAUSED
    error = refused(lambda: client.SyncSystem(pb.SyncSystemRequest(system=ERP)))
    assert (error.reason, error.metadata) == (reasons.ERROR_REASON_SYNC_PAUSED, {"system": ERP})
    version = running.state().pull_cursor
    system.edit("vendor/1", phone="31")
    client.ResumeSystem(pb.ResumeSystemRequest(system=ERP, request_id=str(uuid.uuid4()), validate_only=True))
    assert running.state().state == pb.SystemState.STATE_PAUSED
    assert running.state().pull_cursor == version
    client.ResumeSystem(pb.ResumeSystemRequest(system=ERP, request_id=str(uuid.uuid4())))
    lookup = LookupSupplierRequest(system=ERP, key="vendor/1")
    eventually(lambda: steward.suppliers.LookupSupplier(lookup).supplier.phone == "31")


def test_retries_of_a_failing_system_stop_when_it_is_switched_off(
    running: ServedAdapter, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, worker = running.client(), running.adapter.workers[ERP]
    before, system.failure = system.calls, RemoteError(RemoteErrorKind.TRANSIENT, "away")
    eventually(lambda: system.calls > before + 2)
    client.PauseSystem(pb.PauseSystemRequest(system=ERP, request_id=str(uuid.uuid4())))
    # It gets the worker's turn to itself, so that no attempt is at work any more.
    refused(lambda: client.SyncSystem(pb.SyncSystemRequest(system=ERP)))
    attempts, looks, is_paused = system.calls, [0], worker.states.is_paused

    def look(connection: Connection) -> bool:
        looks.append(len(looks))
        return is_paused(connection)

    def has_looked_ten_times() -> bool:
        worker.wake()
        return len(looks) > 10

    monkeypatch.setattr(worker.states, "is_paused", look)
    eventually(has_looked_ten_times)
    assert system.calls == attempts
    system.failure = None
    client.ResumeSystem(pb.ResumeSystemRequest(system=ERP, request_id=str(uuid.uuid4())))
    eventually(lambda: running.state().state == pb.SystemState.STATE_RUNNING)
    assert system.calls > attempts


def test_a_request_id_with_another_request_is_refused(waiting: ServedAdapter) -> None:
    request_id = str(uuid.uuid4())
    waiting.client().PauseSystem(pb.PauseSystemRequest(system=ERP, request_id=request_id))
    name = _quarantined(waiting).name
    replay = pb.ReplayQuarantinedDocumentRequest(name=name, request_id=request_id)
    other = pb.ReplayQuarantinedDocumentRequest(name=name, request_id=request_id, corrected=b"{}")
    waiting.client().ResumeSystem(pb.ResumeSystemRequest(system=ERP, request_id=request_id))
    assert refused(lambda: waiting.client().ReplayQuarantinedDocument(replay)).reason == (
        reasons.ERROR_REASON_MAPPING_FAILED
    )
    corrected = _corrected(waiting, request_id)
    waiting.client().ReplayQuarantinedDocument(corrected)
    error = refused(lambda: waiting.client().ReplayQuarantinedDocument(other))
    assert error.reason == reasons.ERROR_REASON_REQUEST_ID_REUSED


def test_original_bytes_are_for_those_alone_who_may_see_restricted_fields(waiting: ServedAdapter) -> None:
    listed = _quarantined(waiting)
    assert (listed.key, listed.original) == ("vendor/3", b"")
    assert from_status(listed.error).reason == reasons.ERROR_REASON_MAPPING_FAILED
    request = pb.GetQuarantinedDocumentRequest(name=listed.name)
    ordinary = waiting.client().GetQuarantinedDocument(request).quarantined_document
    assert ordinary.original == b""
    cleared = waiting.client((*OPERATOR, "adapter.restricted.read"))
    assert SECRET.encode() in cleared.GetQuarantinedDocument(request).quarantined_document.original


def test_a_corrected_document_is_replayed_once(waiting: ServedAdapter, steward: Client) -> None:
    request = _corrected(waiting, str(uuid.uuid4()))
    rehearsal = pb.ReplayQuarantinedDocumentRequest()
    rehearsal.CopyFrom(request)
    rehearsal.validate_only = True
    still = waiting.client().ReplayQuarantinedDocument(rehearsal).quarantined_document
    assert still.state == pb.QuarantinedDocument.STATE_OPEN
    answer = waiting.client().ReplayQuarantinedDocument(request)
    assert answer.quarantined_document.state == pb.QuarantinedDocument.STATE_SETTLED
    assert answer.source_record.startswith(f"{ERP}/sourceRecords/")
    again = waiting.client().ReplayQuarantinedDocument(request)
    assert again.quarantined_document.revision == answer.quarantined_document.revision
    lookup = LookupSupplierRequest(system=ERP, key="vendor/3")
    assert steward.suppliers.LookupSupplier(lookup).supplier.legal_name == "Corrected"
    error = refused(lambda: waiting.client().ReplayQuarantinedDocument(_corrected(waiting, str(uuid.uuid4()), request)))
    assert error.reason == reasons.ERROR_REASON_QUARANTINED_RECORD_SETTLED
    counted = waiting.client().SyncSystem(pb.SyncSystemRequest(system=ERP, full=True))
    assert (counted.unchanged_count, counted.quarantined_count) == (3, 0)
    assert not waiting.client().ListQuarantinedDocuments(pb.ListQuarantinedDocumentsRequest()).quarantined_documents
    everything = pb.ListQuarantinedDocumentsRequest(show_settled=True, system=ERP)
    assert len(waiting.client().ListQuarantinedDocuments(everything).quarantined_documents) == 1


def test_a_corrected_document_stands_until_the_systems_own_changes(waiting: ServedAdapter, system: FakeSystem) -> None:
    waiting.client().ReplayQuarantinedDocument(_corrected(waiting, str(uuid.uuid4())))
    system.edit("vendor/3", phone="still broken")
    assert waiting.client().SyncSystem(pb.SyncSystemRequest(system=ERP)).quarantined_count == 1
    assert _quarantined(waiting).key == "vendor/3"


def test_a_replay_that_the_hub_refuses_stays_with_the_hubs_error(waiting: ServedAdapter) -> None:
    request = _corrected(waiting, str(uuid.uuid4()))
    request.corrected = b'{"number": "not nine digits", "name": "Odd"}'
    answer = waiting.client().ReplayQuarantinedDocument(request)
    assert answer.quarantined_document.state == pb.QuarantinedDocument.STATE_OPEN
    assert answer.source_record == ""
    assert from_status(answer.quarantined_document.error).reason != reasons.ERROR_REASON_MAPPING_FAILED


def test_a_caller_sees_the_systems_of_its_entities_and_those_below_and_no_others(waiting: ServedAdapter) -> None:
    for entities, seen in ((["entities/group"], 1), (["entities/north"], 1), (["entities/south"], 0), ([], 0)):
        client = waiting.client(entities=entities)
        assert len(client.ListSystemStates(pb.ListSystemStatesRequest()).system_states) == seen
    stranger = waiting.client(entities=["entities/south"])
    error = refused(lambda: stranger.SyncSystem(pb.SyncSystemRequest(system=ERP)))
    assert error.reason == reasons.ERROR_REASON_SYSTEM_UNKNOWN
    assert not stranger.ListQuarantinedDocuments(pb.ListQuarantinedDocumentsRequest()).quarantined_documents
    request = pb.GetQuarantinedDocumentRequest(name=_quarantined(waiting).name)
    assert refused(lambda: stranger.GetQuarantinedDocument(request)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_bad_requests_are_refused_by_name(waiting: ServedAdapter) -> None:
    client = waiting.client()
    cases = (
        (lambda: client.SyncSystem(pb.SyncSystemRequest(system="systems/none")), "SYSTEM_UNKNOWN"),
        (lambda: client.SyncSystem(pb.SyncSystemRequest(system="nonsense")), "CONSTRAINT_VIOLATED"),
        (lambda: client.ListDeliveries(pb.ListDeliveriesRequest(page_size=-1)), "INVALID_PAGE_SIZE"),
        (lambda: client.ListDeliveries(pb.ListDeliveriesRequest(page_token="x")), "INVALID_PAGE_TOKEN"),
        (lambda: client.ListDiscrepancies(pb.ListDiscrepanciesRequest(system="systems/none")), "SYSTEM_UNKNOWN"),
        (
            lambda: client.GetQuarantinedDocument(
                pb.GetQuarantinedDocumentRequest(name=f"{ERP}/quarantinedDocuments/none")
            ),
            "RECORD_NOT_FOUND",
        ),
    )
    for call, reason in cases:
        assert refused(call).reason_name == reason


def test_lists_are_paged_newest_first(waiting: ServedAdapter, system: FakeSystem) -> None:
    for number in range(4, 9):
        system.edit(f"vendor/{number}", broken="yes")
    waiting.client().SyncSystem(pb.SyncSystemRequest(system=ERP))
    keys: list[str] = []
    token = ""
    while True:
        request = pb.ListQuarantinedDocumentsRequest(page_size=4, page_token=token)
        page = waiting.client().ListQuarantinedDocuments(request)
        keys += [each.key for each in page.quarantined_documents]
        token = page.next_page_token
        if not token:
            break
    assert keys[-1] == "vendor/3"
    assert sorted(keys) == [f"vendor/{number}" for number in range(3, 9)]


def test_it_stops_within_ten_seconds_whatever_it_is_doing(running: ServedAdapter, system: FakeSystem) -> None:
    for number in range(10, 300):
        system.edit(f"vendor/{number}", number=f"{number:09}", name=f"Vendor {number}")
    begun = time.monotonic()
    running.adapter.stop()
    assert time.monotonic() - begun < 10


def _quarantined(running: ServedAdapter) -> pb.QuarantinedDocument:
    found = running.client().ListQuarantinedDocuments(pb.ListQuarantinedDocumentsRequest()).quarantined_documents
    assert len(found) == 1
    return found[0]


def _corrected(
    running: ServedAdapter, request_id: str, like: pb.ReplayQuarantinedDocumentRequest | None = None
) -> pb.ReplayQuarantinedDocumentRequest:
    return pb.ReplayQuarantinedDocumentRequest(
        name=like.name if like else _quarantined(running).name,
        corrected=b'{"number": "100000003", "name": "Corrected"}',
        request_id=request_id,
    )
